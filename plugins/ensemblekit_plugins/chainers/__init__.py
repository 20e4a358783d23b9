"""The built-in chainers, one a file."""
