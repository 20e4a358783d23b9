"""The built-in metrics, one per file or family."""
