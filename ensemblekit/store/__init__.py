"""Save fitted combiners and ensembles to folders, and load them: exact to the bit, atomic, and without pickle."""

from ._load import load, load_with_digest
from ._manifest import MANIFEST
from ._save import save

__all__ = ["MANIFEST", "load", "load_with_digest", "save"]
