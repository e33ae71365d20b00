"""The WebSocket shell: sockets, frames, requests, TLS, and what a connection may cost."""
