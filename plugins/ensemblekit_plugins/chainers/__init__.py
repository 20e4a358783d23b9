"""The built-in chainers, one per file."""
