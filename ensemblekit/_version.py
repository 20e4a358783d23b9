"""The version: the one place where it is written. The distribution takes it from here."""

__all__ = ["__version__"]

__version__ = "0.2.0.dev0"
