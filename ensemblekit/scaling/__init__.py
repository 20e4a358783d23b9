"""Combine files that are larger than memory, and combine or predict partitions on the workers of Dask."""

from ._combine_files import Combined, combine_files
from ._partitions import combine_batch, combine_partitions, predict_batch, predict_partitions

__all__ = ["Combined", "combine_batch", "combine_files", "combine_partitions", "predict_batch", "predict_partitions"]
