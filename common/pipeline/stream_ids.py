"""Ids of the entries of a leg's log."""

from typing import NamedTuple


class StreamId(NamedTuple):
    """The id of an entry of a leg's log, ordered as Redis orders ids.

    Audio that ends at a position comes first there (order 1), then its controls (2, 3, …).
    """

    position: int
    order: int


NOTHING = StreamId(0, 0)
"""The place before a log's first entry."""

BEGINNING = b"0-0"
"""The stream id before a stream's first entry."""
