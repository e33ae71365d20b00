"""Recordings of calls, kept where a deployment wants them."""
