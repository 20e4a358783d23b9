"""Implicit ensembles, several members out of one network: views of its input, dropped units, stages of its training."""

from ._dropout import dropout_members
from ._snapshots import Snapshots, keep_snapshots
from ._views import with_views

__all__ = ["Snapshots", "dropout_members", "keep_snapshots", "with_views"]
