"""Calls: opened, resumed, kept in Redis, looked after, and let go."""
