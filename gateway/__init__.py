"""The gateway: protocols in, PCM frames out; transcript events in, protocols out."""
