"""Which calls are admitted: the handshake, the workers, the capacity, quotas and proxies."""
