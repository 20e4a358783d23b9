"""Data sets, trials and tables of `benchmarks/choosing.py`."""
