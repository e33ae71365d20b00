"""Makes the spans of calls that are over, one call after another, beside the calls that go on.

They are made of what Redis keeps of a call, so they are complete whichever gateways had it, and a
gateway that dies takes none with it. Nothing is done for them while a call runs.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from common.redis.link import Link
from common.telemetry.logs import Log
from common.telemetry.metrics import GatewayMetrics
from gateway.calls.directory import Known
from gateway.protocols.tracing import Parent
from gateway.readers.trace import read_utterances
from gateway.record import CallSpan, SessionRecord
from gateway.spans.description import Described, call_span, utterance_span

_MOST_WAITING = 1000
"""Calls that wait for their spans; the spans of later ones are dropped."""
_AT_A_TIME = 16
"""Spans made in one go, a millisecond: then live calls have their turn."""

_log = Log(__name__)


class Exporting(Protocol):
    """Where spans go; every method but `close` returns immediately."""

    def choose(self, parent: Parent | None) -> CallSpan | None:
        """Return the span of a call that begins, None if it is not sampled."""

    def send(self, span: CallSpan, spans: Sequence[Described]) -> None:
        """Send spans of one call soon, or drop and count them."""

    async def close(self, seconds: float) -> None:
        """Send what waits, within this time."""


@dataclass(frozen=True, slots=True)
class _Over:
    known: Known
    span: CallSpan
    reason: str
    position: int
    ended: float


class SpanRecorder:
    """Implements `gateway.calls.spans.Spans`; `run` is its service."""

    def __init__(
        self, link: Link, exporting: Exporting, gateway: str, metrics: GatewayMetrics
    ) -> None:
        self._link = link
        self._exporting = exporting
        self._gateway = gateway
        self._dropped = metrics.spans_dropped.labels("waiting")
        self._over: asyncio.Queue[_Over] = asyncio.Queue(_MOST_WAITING)
        self._recording: asyncio.Task[None] | None = None

    def begin(self, parent: Parent | None) -> CallSpan | None:
        """See `Spans`."""
        return self._exporting.choose(parent)

    def end(self, session: str, record: SessionRecord, reason: str, position: int) -> None:
        """See `Spans`."""
        if record.span is None:
            return
        known = Known(session, record, self._gateway, round(record.span.begun * 1000))
        try:
            self._over.put_nowait(_Over(known, record.span, reason, position, time.time()))
        except asyncio.QueueFull:
            self._dropped.inc()

    async def run(self) -> None:
        """Make the spans of calls as they end, for ever."""
        while True:
            over = await self._over.get()
            # If this service is cancelled, `close` goes on with the call that it was about.
            self._recording = asyncio.create_task(self._record(over), name="spans")
            await asyncio.shield(self._recording)

    async def close(self, seconds: float) -> None:
        """Make and send the spans of all calls that are over, within this time."""
        end = time.monotonic() + seconds
        try:
            async with asyncio.timeout(seconds):
                if self._recording is not None:
                    await self._recording
                while not self._over.empty():
                    await self._record(self._over.get_nowait())
        except TimeoutError:
            self._dropped.inc(self._over.qsize() + 1)
        await self._exporting.close(max(0.0, end - time.monotonic()))

    async def _record(self, over: _Over) -> None:
        try:
            utterances, _ = await read_utterances(self._link, [over.known])
            for at in range(0, len(utterances), _AT_A_TIME):
                found = [utterance_span(over.span, each) for each in utterances[at:][:_AT_A_TIME]]
                self._exporting.send(over.span, [each for each in found if each is not None])
                await asyncio.sleep(0)
            whole = call_span(
                over.known.session,
                over.known.record,
                over.span,
                utterances,
                reason=over.reason,
                position=over.position,
                now=over.ended,
            )
            self._exporting.send(over.span, [whole])
        except Exception as error:
            # Of this call alone, and of its spans alone.
            _log.exception("spans.failed", error, session=over.known.session)
