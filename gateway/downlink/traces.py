"""What this gateway knows of each final, for its trace: noted when it is sent, written soon after.

No final waits for its trace. What is not written yet when the gateway dies is lost.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence

from common.bus import commands, keys, wire
from common.pipeline.record import pack
from common.pipeline.streams import TRACE
from common.pipeline.text import TimedWord
from common.pipeline.trace import SentFinal, SentWords, TraceEntry
from common.redis.link import Link
from common.redis.resp import CommandError, is_known_id
from common.telemetry.metrics import GatewayMetrics
from gateway.protocols.events import Event, Final, Words
from gateway.uplink.arrivals import Arrivals

_MOMENT = 0.05
"""Seconds in which the entries of all calls are written together."""
_MOST_WAITING = 8192
"""Entries kept while Redis is away; later ones are dropped."""


class Traces:
    """The traces of the calls of this gateway, whose name is `gateway`."""

    def __init__(self, link: Link, gateway: str, metrics: GatewayMetrics) -> None:
        self.gateway = gateway
        self._link = link
        self._dropped = metrics.traces_dropped
        self._waiting: deque[tuple[bytes, int, TraceEntry]] = deque()
        self._news = asyncio.Event()
        self._writing = asyncio.Lock()

    def add(self, session: str, seq: int, entry: TraceEntry) -> None:
        """Write an entry soon; of entries with one `seq` the first counts."""
        if len(self._waiting) >= _MOST_WAITING:
            self._dropped.inc()
            return
        self._waiting.append((keys.session_key(session, TRACE), seq, entry))
        self._news.set()

    async def run(self) -> None:
        """Write what was added, for ever."""
        while True:
            await self._news.wait()
            await asyncio.sleep(_MOMENT)
            await self.write()

    async def write(self) -> None:
        """Write what was added before; waits while Redis is away."""
        async with self._writing:
            self._news.clear()
            batch = list(self._waiting)
            if not batch:
                return
            # A key that the call's end did not find yet must not stay for ever.
            limits = [commands.limit(key) for key in dict.fromkeys(key for key, _, _ in batch)]
            replies = await self._link.insist(
                [
                    *(
                        commands.append_trace(key, wire.entry_id(seq, 1), pack(entry), TRACE.most)
                        for key, seq, entry in batch
                    ),
                    *limits,
                ]
            )
            for _ in batch:
                self._waiting.popleft()
        for reply in replies[: len(batch)]:
            # A known id: another gateway, or an earlier attempt, has told of this message.
            if isinstance(reply, CommandError) and not is_known_id(reply):
                self._dropped.inc()


class CallTrace:
    """Notes when the finals of one call were received, stored and sent."""

    def __init__(self, traces: Traces, session: str, arrivals: Arrivals) -> None:
        self._traces = traces
        self._session = session
        self._arrivals = arrivals

    def note(self, events: Sequence[Event]) -> None:
        """Take note of events that were just sent."""
        told = [each for each in events if isinstance(each, Final | Words)]
        if not told:
            return
        now = time.time()
        offset = now - time.monotonic()
        for event in told:
            if isinstance(event, Words):
                if event.words:
                    self._traces.add(self._session, event.seq, self._late(event, offset))
            # The answer to a flush that has no words is trimmed from the text.
            elif event.text or event.failed or event.reason == "finish":
                self._traces.add(self._session, event.seq, self._final(event, now, offset))

    def _final(self, event: Final, now: float, offset: float) -> SentFinal:
        control = event.reason in ("flush", "finish")
        received, stored = self._arrivals.received, self._arrivals.stored
        spoken = received.when(event.end) if event.end > event.start else None
        return SentFinal(
            channel=event.channel,
            utterance=event.utterance,
            gateway=self._traces.gateway,
            spoken=_moved(spoken, offset),
            received=_moved(received.when(event.at, control=control), offset),
            stored=_moved(stored.when(event.at, control=control), offset),
            sent=now,
            words=self._received(event.words, offset) if event.words else None,
        )

    def _late(self, event: Words, offset: float) -> SentWords:
        words = self._received(event.words or (), offset)
        return SentWords(channel=event.channel, utterance=event.utterance, words=words)

    def _received(self, words: Sequence[TimedWord], offset: float) -> tuple[float | None, ...]:
        when = self._arrivals.received.when
        return tuple(_moved(when(word.end), offset) for word in words)


def _moved(at: float | None, offset: float) -> float | None:
    """Return a time of the monotonic clock in seconds since 1970."""
    return None if at is None else at + offset
