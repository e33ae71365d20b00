"""What a WebSocket connection may hold, and how long it may take."""

MOST_UNSENT = 1000
"""Messages a client may leave unread before it is closed; at a few a second, minutes of them."""
MOST_BUFFERED = 1 << 20
"""Bytes that may lie in a client's socket unsent before it is cut off: the library answers every
ping immediately, even if the client reads no answers."""
MOST_HEAD = 10.0
"""Seconds that a client has to send its request."""
MOST_CLOSING = 10.0
"""Seconds that closing may take, the last messages included: a client that reads nothing would
delay even its own end."""
FLOOD_CLOSING = 1.0
"""Seconds that a flooding client has to read its last message."""
PING_EVERY = 20.0
"""Seconds between pings, and until one must be answered."""
MOST_EARLY = 1 << 16
"""Bytes that may arrive before the handshake is answered; more are not read until then."""
MOST_FRAMES = 128
"""Most frames that are cut out of the bytes in one turn."""
