"""Benchmarks of ensemblekit: run them from a checkout."""
