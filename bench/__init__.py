"""Benchmarks: figures that ARCHITECTURE.md and the comments of the code refer to."""
