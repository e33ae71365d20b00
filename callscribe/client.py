"""Python client of the native protocol, `/ws/asr`.

    async with connect("ws://localhost:8000/ws/asr", Options(sample_rate=8000)) as call:
        await call.send(pcm)          # from one task, as the audio is recorded
        await call.finalize()
        async for event in call:      # from another, or afterwards
            print(event)

Times in events are seconds of audio since the call began, not of the clock.
"""

import asyncio
import json
import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Self, Unpack
from urllib.parse import urlsplit

import websockets.asyncio.client as ws
from websockets.exceptions import (
    ConcurrencyError,
    ConnectionClosed,
    InvalidHandshake,
    InvalidProxy,
    InvalidStatus,
    InvalidURI,
)

from callscribe.messages import Changes, Error, Event, Options, parse_event, parse_object
from common.errors import AtCapacity, CallscribeError, Retryable, SettingsError

# RFC 6455, 7.4.1, and its registry.
_NORMAL_CLOSURE = 1000
_TRY_AGAIN_LATER = 1013
_PASSING = (1001, 1006, 1012)
"""Going away, abnormal closure, service restart: nobody objected to what was sent."""

_RETRY_AFTER = 5.0
"""Seconds to wait after a refusal that did not say how long."""
_OPEN_TIMEOUT = 10.0
_CLOSE_TIMEOUT = 2.0
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Refused(AtCapacity):
    """The server takes no new call now; try again after `retry_after` seconds, or elsewhere."""


class Disconnected(Retryable):
    """The server could not be reached, or the connection broke; finals received so far hold."""


class ServerError(CallscribeError):
    """The server ended the call; `code` is the protocol's word for why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code


class Call:
    """One call in progress; made by `connect`.

    One task may send while another iterates; two must not iterate at once. Events wait on the
    connection until they are read, and the server is slowed when many do. Every method raises
    Disconnected, Refused or ServerError when the connection is closed; iterating ends without
    an error when the server has ended the call in order, after its last event.
    """

    def __init__(self, connection: ws.ClientConnection) -> None:
        self._connection = connection
        self._last_error: Error | None = None
        self.session_id = ""
        self.resume_token = ""

    async def send(self, pcm: bytes) -> None:
        """Send audio in the call's encoding; it may be split anywhere, even inside a sample.

        Waits while the server does not take more. Cancelling stops the waiting; the audio has
        been handed over and must not be sent again.
        """
        await self._send(pcm)

    async def flush(self) -> None:
        """Have the open utterances ended and answered by a final now; the call goes on.

        Cancelling stops the waiting, not the request.
        """
        await self._send(json.dumps({"type": "flush"}))

    async def finalize(self) -> None:
        """Have the open utterances answered and the call ended; then read on until it ends.

        Returns at once, not when the finals are there. Cancelling stops the waiting, not the
        request.
        """
        await self._send(json.dumps({"type": "finalize"}))

    async def configure(self, **changes: Unpack[Changes]) -> None:
        """Change options from the audio sent so far onwards; a bad one is answered by an Error.

        Cancelling stops the waiting, not the request.
        """
        await self._send(json.dumps({"type": "config", **changes}))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        """Return the next event; cancelling loses none."""
        while True:
            event = parse_event(await self._receive())
            if isinstance(event, Error):
                self._last_error = event
            if event is not None:
                return event

    async def _open(self, options: Options) -> None:
        with suppress(CallscribeError):  # closed already: what was said before tells why
            await self._send(json.dumps({"type": "config", **options.to_wire()}))
        try:
            while (wire := parse_object(await self._receive())).get("type") != "session_created":
                if wire.get("type") == "error":
                    self._last_error = Error.from_wire(wire)
        except StopAsyncIteration:
            raise Disconnected("the server closed the connection before the call began") from None
        self.session_id = wire["session_id"]
        self.resume_token = wire["resume_token"]

    async def _send(self, message: str | bytes) -> None:
        try:
            await self._connection.send(message)
        except ConnectionClosed as closed:
            raise self._failure(closed) from closed

    async def _receive(self) -> str | bytes:
        try:
            return await self._connection.recv()
        except ConnectionClosed as closed:
            if closed.rcvd is not None and closed.rcvd.code == _NORMAL_CLOSURE:
                raise StopAsyncIteration from None
            raise self._failure(closed) from closed

    def _failure(self, closed: ConnectionClosed) -> CallscribeError:
        code = closed.rcvd.code if closed.rcvd is not None else 1006
        reason = closed.rcvd.reason if closed.rcvd is not None else ""
        error = self._last_error
        if code == _TRY_AGAIN_LATER:
            said = error.message if error else reason or "the server refuses the call for now"
            why = error.code if error else "at_capacity"
            return Refused(said, reason=why, retry_after=_RETRY_AFTER)
        if code == _NORMAL_CLOSURE:
            return Disconnected("the server has ended the call")
        if code in _PASSING:
            return Disconnected(f"the connection to the server broke: {reason or f'code {code}'}")
        if error is not None:
            return ServerError(error.code, error.message)
        return ServerError(f"closed_{code}", reason or "the server ended the call")


@asynccontextmanager
async def connect(
    url: str, options: Options | None = None, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Call]:
    """Open a call at a `ws://` or `wss://` URL and close it on leaving.

    `tls` replaces Python's default trust (which honours SSL_CERT_FILE). Raises SettingsError
    for what is no such URL, Refused when the server takes no call now, Disconnected when it cannot
    be reached or does not answer, ServerError when it objects to the options.

    Leaving before `finalize` was answered, by an exception, by cancelling or otherwise, ends
    the call where it is: what the server has not yet sent is not received any more.
    """
    connection = await _connect(url, tls)
    try:
        call = Call(connection)
        try:
            async with asyncio.timeout(_OPEN_TIMEOUT):
                await call._open(options or Options())
        except TimeoutError:
            raise Disconnected(f"{url} did not begin the call in {_OPEN_TIMEOUT:g} s") from None
        yield call
    finally:
        await asyncio.gather(connection.close(), _drain(connection))


async def _drain(connection: ws.ClientConnection) -> None:
    """Read until closed: behind events that nobody reads, the server's close would not be seen."""
    with suppress(ConnectionClosed, ConcurrencyError):
        while True:
            await connection.recv()


async def _connect(url: str, tls: ssl.SSLContext | None) -> ws.ClientConnection:
    parts = urlsplit(url)
    try:
        return await ws.connect(
            url,
            ssl=(tls or True) if parts.scheme == "wss" else None,
            compression=None,  # PCM does not deflate: the processor time would buy nothing
            proxy=None if parts.hostname in _LOOPBACK else True,
            open_timeout=_OPEN_TIMEOUT,
            close_timeout=_CLOSE_TIMEOUT,
        )
    except InvalidURI as error:
        raise SettingsError(f"{url} is no ws:// or wss:// URL") from error
    except InvalidStatus as error:
        raise _rejection(url, error) from error
    except (OSError, InvalidHandshake, InvalidProxy) as error:
        raise Disconnected(f"cannot reach {url}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if not isinstance(error, OSError) or isinstance(error, ssl.SSLError | TimeoutError):
        return str(error)
    if isinstance(error, socket.gaierror):
        return "no such host"
    # asyncio joins the errors of a host's several addresses into one without a number.
    return os.strerror(error.errno).lower() if error.errno else "none of its addresses answers"


def _rejection(url: str, error: InvalidStatus) -> CallscribeError:
    status = error.response.status_code
    if status not in (429, 503):
        return ServerError(f"http_{status}", f"{url} is no place for calls")
    asked = error.response.headers.get("Retry-After", "")
    return Refused(
        f"{url} takes no calls now (HTTP {status})",
        reason=f"http_{status}",
        retry_after=float(asked) if asked.isdecimal() else _RETRY_AFTER,
    )
