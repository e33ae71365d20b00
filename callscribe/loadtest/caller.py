"""One call: open it, speak, end it, and note the result.

The ordinary client (`callscribe.client`) keeps sent audio and resumes when the connection breaks. A
load tester does neither: it counts broken connections, and each of its callers must cost little.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle

import websockets.asyncio.client as ws
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.protocol import State

from callscribe.client.dialling import closing_error, dial, handshake_headers
from callscribe.client.errors import Refused
from callscribe.client.latency import Latencies
from callscribe.client.messages import (
    Error,
    Event,
    Final,
    Gap,
    Lag,
    Partial,
    SpeechEnded,
    parse_event,
)
from callscribe.client.options import Options
from callscribe.commands.server_flags import Server
from callscribe.loadtest.pacing import ENDED, PacedCall, Pacer
from callscribe.loadtest.plan import Loop, PlannedCall, script
from callscribe.loadtest.tally import Failure, Spoken, Tally
from common.errors import CallscribeError

FINALIZE = '{"type": "finalize"}'

_OPEN_TIMEOUT = 10.0
_DRAIN_S = 30.0
"""Seconds that a server has to answer the last speech."""
_KEPT_S = 330.0
"""Seconds for which the times of sent audio are kept: no utterance is longer (300 s)."""


@dataclass
class _Heard:
    """The server's events in one call."""

    latencies: Latencies
    finals: list[Final] = field(default_factory=list)
    said: Error | None = None
    """The last error, which may be why the connection closes."""
    endpoints: set[tuple[int, int]] = field(default_factory=set)
    """Utterances that ended, by channel and number, and have no final yet."""
    cut: set[tuple[int, int]] = field(default_factory=set)
    """Utterances that the end of the call ended: without an endpointer's decision, not measured."""
    lost: int = 0

    def note(self, event: Event, now: float, tally: Tally) -> None:
        """Note one event."""
        match event:
            case Partial():
                tally.partials.add(now, 1)
            case SpeechEnded():
                self._ended(event)
            case Final():
                tally.finals.add(now, 1)
                self.finals.append(event)
                self.endpoints.discard((event.channel, event.utterance))
            case Gap():
                tally.gap_s += event.end - event.start
            case Lag():
                tally.worst_lag_s = max(tally.worst_lag_s, event.seconds)
            case Error():
                self.said = event
                self.lost += event.code == "utterance_failed"
        if isinstance(event, SpeechEnded | Final) and (event.channel, event.utterance) in self.cut:
            return
        for measure, value in self.latencies.note(event, now).items():
            tally.latencies[measure].add(now, value)
        if isinstance(event, Final):
            self.latencies.sending.forget(event.end - _KEPT_S)

    def _ended(self, event: SpeechEnded) -> None:
        key = event.channel, event.utterance
        # An endpoint and its final may come in any order.
        if not any((final.channel, final.utterance) == key for final in self.finals[-4:]):
            self.endpoints.add(key)
        if event.reason in ("finish", "flush"):
            self.cut.add(key)


@dataclass(frozen=True)
class Callees:
    """The servers to call, and the options: speech events and gaps are requested too."""

    server: Server
    options: Options


class Callers:
    """Makes calls; holds what they share."""

    def __init__(
        self, callees: Callees, loop: Loop, pacer: Pacer, tally: Tally, clock: Callable[[], float]
    ) -> None:
        self._server = callees.server
        self._options = callees.options
        self._headers = handshake_headers({}, callees.server.api_key)
        self._urls = cycle(callees.server.urls)
        self._loop = loop
        self._pacer = pacer
        self._tally = tally
        self._clock = clock

    async def call(self, plan: PlannedCall) -> bool:
        """Make one call and wait for its end, return whether that was in order.

        The result goes into the tally.

        Raises Refused, Disconnected or ServerError if the call cannot be opened.
        """
        begin = self._clock()
        try:
            connection, created = await dial(
                next(self._urls),
                self._options.to_wire(),
                tls=self._server.tls,
                headers=self._headers,
                timeout=_OPEN_TIMEOUT,
            )
        except Refused as refused:
            now = self._clock()
            self._tally.was_refused(now, now - begin, _reason(refused))
            raise
        except CallscribeError as error:
            self._tally.not_reached(self._clock(), str(error))
            raise
        now = self._clock()
        self._tally.opened(now, now - begin)
        paced = PacedCall(
            connection.transport,
            lambda: connection.state is State.OPEN,
            first=plan.first,
            messages=plan.messages,
        )
        failure: str | None = "was left"
        try:
            failure = await self._talk(connection, paced)
        finally:
            named = None if failure is None else Failure(now, created.session_id, failure)
            sent_s = paced.sent * self._loop.message_s
            self._tally.ended(self._clock(), named, sent_s)
            connection.transport.abort()  # the server has closed it, or will not
        return failure is None

    async def _talk(self, connection: ws.ClientConnection, paced: PacedCall) -> str | None:
        """Speak, and listen until the end; return why the call failed, None if it did not."""
        heard = _Heard(Latencies(paced.sending))
        listening = asyncio.create_task(self._listen(connection, heard, paced))
        self._pacer.add(paced)
        try:
            await paced.over.wait()
            async with asyncio.timeout(_DRAIN_S):
                with suppress(ConnectionClosed):
                    await connection.send(FINALIZE)
                closed = await listening
        except TimeoutError:
            return paced.fault or f"did not end within {_DRAIN_S:g} s of finalize"
        except CallscribeError as error:  # it sent an invalid message
            return str(error)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        why = closing_error(closed, heard.said)
        if why is None and paced.fault is None:
            self._judge(heard, paced)
            return None
        return paced.fault if why is None else str(why)

    async def _listen(
        self, connection: ws.ClientConnection, heard: _Heard, paced: PacedCall
    ) -> ConnectionClosed:
        try:
            while True:
                event = parse_event(await connection.recv())
                if event is not None:
                    heard.note(event, self._clock(), self._tally)
        except ConnectionClosed as closed:
            return closed
        finally:
            paced.end(ENDED)

    def _judge(self, heard: _Heard, paced: PacedCall) -> None:
        self._tally.lost_utterances += max(heard.lost, len(heard.endpoints))
        spoken = [
            self._spoken(channel, heard.finals, paced) for channel in range(self._options.channels)
        ]
        self._tally.spoken += spoken
        said = any(each.passages for each in spoken)
        self._tally.silent += said and not any(final.text for final in heard.finals)

    def _spoken(self, channel: int, finals: Sequence[Final], paced: PacedCall) -> Spoken:
        said = script(self._loop, channel, paced.first, paced.sent)
        texts = [
            final.text
            for final in finals
            if final.channel == channel and said.judges(final.start, final.end)
        ]
        return Spoken(tuple(p.text for p in said.whole if p.text is not None), " ".join(texts))


def _reason(refused: Refused) -> str:
    """Return the server's word for a refusal; before the WebSocket opens it is in the body."""
    cause = refused.__cause__
    if isinstance(cause, InvalidStatus) and cause.response.body:
        word = bytes(cause.response.body).decode(errors="replace").strip()
        return word.removeprefix("refused: ").partition("\n")[0][:60]
    return refused.reason
