"""The parts of `benchmarks/ctscan.py`: settings, images, models, ensembles, screen and output folder."""
