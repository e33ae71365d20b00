"""Benchmarks: figures that the documents and the comments of the code refer to."""
