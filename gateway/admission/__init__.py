"""Which calls are taken: the handshake, the workers, the capacity, quotas and proxies."""
