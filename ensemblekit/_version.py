"""The version, for rooms that write it down."""

__all__ = ["__version__"]

__version__ = "0.1.0"
