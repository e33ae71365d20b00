"""The interface to what makes spans of calls."""

from typing import Protocol

from gateway.protocols.tracing import Parent
from gateway.record import CallSpan, SessionRecord


class Spans(Protocol):
    """Makes a span of each call; every method returns immediately."""

    def begin(self, parent: Parent | None) -> CallSpan | None:
        """Return the span of a call that begins now, None to make none of it."""

    def end(self, session: str, record: SessionRecord, reason: str, position: int) -> None:
        """Make the spans of a call that is over for every gateway; its audio ended at `position`.

        Its text and its trace must stay readable for a while.
        """


class NoSpans:
    """Makes no spans."""

    def begin(self, parent: Parent | None) -> None:
        """See `Spans`."""

    def end(self, session: str, record: SessionRecord, reason: str, position: int) -> None:
        """See `Spans`."""
