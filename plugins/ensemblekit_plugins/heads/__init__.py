"""The built-in heads, one per file."""
