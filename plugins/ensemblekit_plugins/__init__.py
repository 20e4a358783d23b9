"""The built-in plugins of ensemblekit, one a file, through the same entry points as anybody's."""
