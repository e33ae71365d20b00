"""From the result streams of calls to their events, for all that follow them."""
