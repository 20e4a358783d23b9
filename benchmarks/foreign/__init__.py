"""Adapters of functions of other packages, each one function that imports what it needs."""
