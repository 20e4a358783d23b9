"""Array kernels of the combination rules: blocks, sums, sorting, votes, logarithmic pools, ranks."""
