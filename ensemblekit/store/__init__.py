"""Fitted combiners and ensembles in folders: exact to the bit, whole or not at all, and no pickle."""

from ._load import load
from ._save import save

__all__ = ["load", "save"]
