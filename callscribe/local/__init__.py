"""The local stack: Redis and every service, as processes that are kept running."""
