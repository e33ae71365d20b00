"""Calls: opened, resumed, kept in Redis, maintained, and released."""
