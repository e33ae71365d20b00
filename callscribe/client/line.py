"""A call's line to the servers: consecutive connections, and the state that survives them.

A connection has three tasks: reading, sending from the replay buffer, and watching that the server
answers. When they have ended, the next connection resumes the call at the server's position.
"""

import asyncio
import random
import ssl
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import websockets.asyncio.client as ws
from websockets.exceptions import ConcurrencyError, ConnectionClosed

from callscribe.client.delivery import Delivery
from callscribe.client.dialling import CLOSE_TIMEOUT, PASSING_ERRORS, closing_error, dial, resuming
from callscribe.client.errors import Disconnected, GoingAway, Refused, SessionLost, WrongAddress
from callscribe.client.messages import (
    AudioAck,
    Created,
    Error,
    Event,
    Final,
    Lag,
    Partial,
    Resumed,
    Words,
    parse_event,
)
from callscribe.client.options import Options
from callscribe.client.redialling import Redialling
from callscribe.client.replay_buffer import ReplayBuffer
from callscribe.errors import Misuse

_OPEN_TIMEOUT = 10.0
_RESUME_TIMEOUT = 5.0
"""Seconds for one attempt to resume: short, since another server may be alive."""
_LEAVE_TIMEOUT = CLOSE_TIMEOUT + 1.0
"""Seconds for closing: behind audio that the server does not read, a close would wait for ever."""
_WATCH_S = 5.0
"""Seconds between pings, and for each answer: the line leaves a stuck server after 5 to 10 s. With
less, it would leave a process that was only swapped out for a moment."""
_WATCH_WITHOUT_RESUME_S = 20.0
"""The same if leaving ends the call."""
_MOST_UNREAD = 1000
"""Unread events; beyond these, events that a later one replaces are dropped."""


class Line:
    """The core of `Call`; without `resume` the first connection is the only one."""

    def __init__(
        self,
        urls: Sequence[str],
        options: Options,
        *,
        tls: ssl.SSLContext | None,
        headers: Mapping[str, str],
        resume: bool,
        patience: float,
        replay_s: float,
    ) -> None:
        self.session_id = ""
        self.resume_token = ""
        self._attempt = 0
        self.finalized = False
        """Whether nothing more can be sent."""
        self._urls = urls
        self._options = options
        self._tls = tls
        self._headers = headers
        self._resume = resume
        self._redialling = Redialling(urls, patience)
        self._ring = ReplayBuffer(
            frame_bytes=options.frame_bytes, rate=options.sample_rate, capacity_s=replay_s
        )
        self._delivery = Delivery()
        self._inbox: deque[Event] = deque()
        self._said: Error | None = None
        """The server's last error on this connection."""
        self._connection: ws.ClientConnection | None = None
        """The newest, open or not."""
        self._up = False
        self._cut: SessionLost | None = None
        """Set if the server ended the call because this side was away for too long."""
        self._over = False
        self._failure: Exception | None = None
        """Why the call is over; None when it ended in order."""
        self._moved = asyncio.Event()
        """Set, and replaced, whenever anything above changes."""
        self._running: asyncio.Task[None] | None = None

    # --- towards the caller ---

    async def send(self, audio: bytes) -> None:
        """Add audio; wait until it was sent, or until it waits for the server and there is room."""
        self.check()
        self._ring.add_audio(audio)
        await self._taken()

    async def control(self, text: str) -> None:
        """Add a control; wait as for audio."""
        self.check()
        self._ring.add_control(text)
        await self._taken()

    async def flush(self, text: str) -> None:
        """Add a control behind which audio begins with a frame; wait as for audio."""
        self.check()
        self._end_frame()
        self._ring.add_control(text)
        await self._taken()

    async def finalize(self, text: str) -> None:
        """Add the last control; wait as for audio. Once it was added, do nothing."""
        self._check_over()
        if not self.finalized:
            self.finalized = True
            self._end_frame()
            self._ring.add_control(text)
            await self._taken()

    def check(self) -> None:
        """Raise the reason why nothing more can be sent, if so: Misuse after finalize."""
        self._check_over()
        if self.finalized:
            raise Misuse("nothing can be sent after finalize")

    async def next_event(self) -> Event | None:
        """Return the next event, None after the last one of a call that ended in order."""
        while not self._inbox:
            if self._failure is not None:
                raise self._failure
            if self._over:
                return None
            await self._moved.wait()
        return self._inbox.popleft()

    def settle(self, failure: Exception | None) -> None:
        """End the call for the caller; the first reason counts."""
        if not self._over:
            self._over, self._failure = True, failure
        self._wake()

    def _end_frame(self) -> None:
        """Drop a part of a frame, as the server does at the same place, and tell as it does."""
        if part := self._ring.cut():
            size = self._options.frame_bytes
            text = f"the audio stops {part} bytes into a frame of {size}; they are not used"
            self._inbox.append(Error(code="truncated_sample", message=text))

    async def _taken(self) -> None:
        self._wake()
        while self._ring.full or (self._ring.ready and self._up):
            self._check_over()
            await self._moved.wait()
        if self._ring.pending:
            self._check_over()

    def _check_over(self) -> None:
        if self._over:
            raise self._failure or Disconnected("the server has ended the call")

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    # --- towards the server ---

    async def open(self) -> None:
        """Begin the call at the first server that accepts it.

        If none does, raises the last refusal that is temporary, else the last one.
        """
        acks = {"audio_ack"} if self._resume else set()
        events = sorted({*self._options.events, *acks})
        config = {**self._options.to_wire(), "events": events}
        failures: list[Disconnected | Refused | WrongAddress] = []
        for url in self._urls:
            try:
                dialled = await self._dial(url, config, _OPEN_TIMEOUT)
            except (Disconnected, Refused, WrongAddress) as error:
                failures.append(error)
                continue
            connection, created = dialled
            self.session_id, self.resume_token = created.session_id, created.resume_token
            self._begin(connection, url)
            self._running = asyncio.create_task(self._run(connection))
            return
        raise min(reversed(failures), key=lambda each: isinstance(each, WrongAddress))

    async def close(self) -> None:
        """Close the connection, if the server has not; drop it if that takes too long.

        The call must have ended for the caller: see `settle`.
        """
        try:
            if self._running is not None:
                self._running.cancel()
                await asyncio.gather(self._running, return_exceptions=True)
            if self._connection is not None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LEAVE_TIMEOUT):
                        await asyncio.gather(self._connection.close(), _drain(self._connection))
        finally:
            if self._connection is not None:
                self._connection.transport.abort()

    def _begin(self, connection: ws.ClientConnection, url: str) -> None:
        self._redialling.connected(url, asyncio.get_running_loop().time())
        self._connection, self._said, self._up = connection, None, True

    async def _run(self, connection: ws.ClientConnection) -> None:
        """Run one connection after the other until the call is over."""
        try:
            while True:
                failure = closing_error(await self._attend(connection), self._said)
                if failure is None:
                    return self.settle(self._cut)
                if not (self._resume and isinstance(failure, Disconnected | Refused)):
                    raise failure
                connection = await self._redial(failure)
        except Exception as error:
            self.settle(error)

    async def _attend(self, connection: ws.ClientConnection) -> ConnectionClosed:
        """Read, send and watch until the connection is closed; return how it closed."""
        reading = asyncio.create_task(self._read(connection))
        others = [asyncio.create_task(work(connection)) for work in (self._pump, self._watch)]
        try:
            await asyncio.gather(reading, *others)
            return reading.result()
        finally:
            for task in (reading, *others):
                task.cancel()
            await asyncio.gather(reading, *others, return_exceptions=True)

    async def _read(self, connection: ws.ClientConnection) -> ConnectionClosed:
        try:
            while True:
                self._receive(await connection.recv())
        except ConnectionClosed as closed:
            return closed
        finally:
            self._up = False
            self._wake()

    async def _pump(self, connection: ws.ClientConnection) -> None:
        with suppress(ConnectionClosed):
            while self._up:
                while self._cut is None and (message := self._ring.dequeue()) is not None:
                    if not self._resume:
                        self._ring.forget_sent()
                    self._wake()
                    await connection.send(message)
                await self._moved.wait()

    async def _watch(self, connection: ws.ClientConnection) -> None:
        """Leave a server that answers no ping: a stuck one does not close its connections."""
        period = _WATCH_S if self._resume else _WATCH_WITHOUT_RESUME_S
        with suppress(ConnectionClosed):
            while self._up:
                with suppress(TimeoutError):
                    async with asyncio.timeout(period):
                        await connection.wait_closed()
                try:
                    async with asyncio.timeout(period):
                        # Either may wait: the ping behind unread audio, then its answer.
                        await (await connection.ping())
                except TimeoutError:
                    connection.transport.abort()

    def _receive(self, message: str | bytes) -> None:
        event = parse_event(message)
        if event is None or not self._delivery.is_new(event):
            return
        if isinstance(event, Error):
            self._said = event
        if self._advances(event):
            self._redialling.advanced()
        if self._is_for_the_caller(event):
            self._inbox.append(event)
        self._wake()

    def _advances(self, event: Event) -> bool:
        if isinstance(event, AudioAck):
            return self._resume and self._ring.acknowledge(event.position)
        return isinstance(event, Final | Words)

    def _is_for_the_caller(self, event: Event) -> bool:
        match event:
            case Error():
                return not (self._resume and event.code in PASSING_ERRORS)
            case AudioAck() if "audio_ack" not in self._options.events:
                return False
            case Partial() | Lag() | AudioAck():
                return len(self._inbox) < _MOST_UNREAD
        return True

    async def _dial(
        self, url: str, config: Mapping[str, Any], timeout: float
    ) -> tuple[ws.ClientConnection, Created]:
        return await dial(url, config, tls=self._tls, headers=self._headers, timeout=timeout)

    # --- from one connection to the next ---

    async def _redial(self, failure: Disconnected | Refused | WrongAddress) -> ws.ClientConnection:
        """Return the connection that resumes the call, or raise why there is none."""
        clock = asyncio.get_running_loop().time
        lost = clock()
        self._redialling.lost(lost, immediately=isinstance(failure, GoingAway))
        while attempt := self._redialling.next_attempt(clock(), random.random()):
            await asyncio.sleep(attempt.wait)
            # An abandoned attempt may still be in progress: it must not win over a later one.
            self._attempt = max(self._attempt + 1, round(1000 * time.time()))
            config = {"resume": self.resume_token, "seq": self._delivery.seq}
            config["attempt"] = self._attempt
            url = resuming(attempt.url)
            try:
                dialled = await self._dial(url, config, _RESUME_TIMEOUT)
            except (Disconnected, Refused, WrongAddress) as error:
                failure = error
                self._redialling.failed(attempt.url, clock(), _asked_to_wait(error))
                continue
            connection, created = dialled
            self._begin(connection, attempt.url)
            self._rewind(created, clock() - lost)
            return connection
        raise Disconnected(
            f"the call could not be resumed: {failure}; {self._ring.acknowledged_s:.1f} s of its "
            f"audio are with the server, results up to {self._delivery.seq} were received",
            audio_s=self._ring.acknowledged_s,
            seq=self._delivery.seq,
        )

    def _rewind(self, created: Created, after_s: float) -> None:
        if not created.resumed:
            raise SessionLost("not_resumed", "the server began a new call in place of this one")
        position = created.position / self._options.sample_rate
        # After finalize nothing can follow, even if the server lacks some audio.
        complete = self.finalized and created.controls == self._ring.controls
        if created.ended and not complete:
            text = f"the server ended the call {position:.1f} s into its audio: this side was away"
            self._cut = SessionLost("ended", text)
        elif not complete:
            self._ring.rewind(created.position, created.controls)
        self._inbox.append(Resumed(after_s=after_s, position=position))
        self._wake()


def _asked_to_wait(error: Disconnected | Refused | WrongAddress) -> float:
    # Redis or a missing stage may be back any time: the back-off finds it earlier.
    return error.retry_after if isinstance(error, Refused) and error.reason != "unavailable" else 0


async def _drain(connection: ws.ClientConnection) -> None:
    """Read until closed: behind unread events the server's close would not be seen."""
    with suppress(ConnectionClosed, ConcurrencyError):
        while True:
            await connection.recv()
