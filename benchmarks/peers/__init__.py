"""Plain implementations and peers that the benchmarks compare with."""
