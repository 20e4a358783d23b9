"""Runs and judgements: the sparse tables of queries and items, and how they are read and written."""

from ._judgements import Qrels
from ._many import as_runs, check_same_kinds, in_threads, n_threads
from ._order import Rows, bits_of, blocks_of
from ._run import Run

__all__ = ["Qrels", "Rows", "Run", "as_runs", "bits_of", "blocks_of", "check_same_kinds", "in_threads", "n_threads"]
