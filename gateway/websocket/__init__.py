"""The WebSocket shell: sockets, frames, requests, and what a connection may cost."""
