"""The version. It is written only here; the distribution reads it from this file."""

__all__ = ["__version__"]

__version__ = "0.2.0.dev0"
