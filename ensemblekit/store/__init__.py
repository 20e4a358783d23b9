"""Fitted combiners and ensembles in folders: exact to the bit, whole or not at all, and without pickle."""

from ._load import load, load_with_digest
from ._manifest import MANIFEST
from ._save import save

__all__ = ["MANIFEST", "load", "load_with_digest", "save"]
