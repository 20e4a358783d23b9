"""The built-in heads, one a file."""
