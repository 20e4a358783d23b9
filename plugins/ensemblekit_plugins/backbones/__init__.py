"""The built-in backbones, one per file."""
