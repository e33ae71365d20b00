"""Protocols over plain TCP: sockets without handshake or messages."""
