"""The local stack: Redis and every service, each a process that is kept running."""
