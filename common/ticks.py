"""How much longer the ticks of a process are when it carries many legs. Pure."""

_MANY = 128
_MOST = 2.0


def stretch(legs: int) -> float:
    """Return the factor for an interval in which something is done for all legs together.

    It is 1 up to 128 legs and 2 from 256 on. A process wakes up to cold caches, and each round trip
    to Redis costs it and Redis the same for one leg as for fifty. With few legs that is little in
    all, and latency counts; with many the longer interval saves more than it delays.
    """
    return min(_MOST, max(1.0, legs / _MANY))
