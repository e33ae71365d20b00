"""One call of the Python client; `callscribe.client` says what a caller can rely on."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Self, Unpack

from callscribe.client.dialling import check_url, handshake_headers
from callscribe.client.errors import Disconnected
from callscribe.client.line import Line
from callscribe.client.messages import Event
from callscribe.client.options import Changes, Options
from callscribe.errors import Misuse, SettingsError

_LEAST_REPLAY_S = 5.0
"""Servers acknowledge about once a second, without the audio inside their resamplers."""


class Call:
    """One call in progress; made by `connect`.

    One task may send while another iterates; only one may iterate. Events wait in memory until they
    are read; beyond 1000 of them, partials, lags and acknowledgements are dropped.
    After the call every method raises Disconnected, Refused or ServerError. If the server ended the
    call in order, iterating ends without an error after the last event. Sending between `finalize`
    and the end raises Misuse.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._feeding: list[asyncio.Task[None]] = []

    @property
    def session_id(self) -> str:
        """The call's name in the servers' logs."""
        return self._line.session_id

    @property
    def resume_token(self) -> str:
        """The secret with which another connection can take the call over."""
        return self._line.resume_token

    async def send(self, pcm: bytes) -> None:
        """Send audio in the call's encoding; it may be split anywhere, even inside a sample.

        Waits while the socket accepts no more, and while more than `replay_s` is kept, but not for
        a broken connection as such. Cancelling stops the waiting; the call has the audio already,
        so do not send it again.
        """
        await self._line.send(pcm)

    async def flush(self) -> None:
        """Have the open utterances ended and answered by a final now; the call goes on.

        The audio before and after it are whole frames each: a part of one is dropped, which an
        Error with the code ``truncated_sample`` tells.

        Cancelling stops the waiting, not the request.
        """
        await self._line.flush(json.dumps({"type": "flush"}))

    async def finalize(self) -> None:
        """Have the open utterances answered and the call ended; then read on until it ends.

        Returns immediately, before the finals are there. Cancelling stops the waiting, not the
        request. Until the call is over, another `finalize` does nothing.
        """
        await self._line.finalize(json.dumps({"type": "finalize"}))

    async def configure(self, **changes: Unpack[Changes]) -> None:
        """Change options for all audio sent from now on; an invalid one is answered by an Error.

        Cancelling stops the waiting, not the request.
        """
        await self._line.control(json.dumps({"type": "config", **changes}))

    async def transcribe(self, source: AsyncIterable[bytes]) -> AsyncIterator[Event]:
        """Send a source to its end and finalize; meanwhile yield events until the call has ended.

        Errors of the source are raised here. A CancelledError of its own becomes Misuse, since it
        would look like the caller's. Reading the source stops when the call is left or finalized.
        """
        if self._line.finalized:  # a call that ended in another way may have events to read
            self._line.check()
        self._feeding.append(asyncio.create_task(self._feed(source)))
        async for event in self:
            yield event
        if not self._line.finalized:
            raise Disconnected("the server has ended the call")

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        """Return the next event; cancelling loses none."""
        event = await self._line.next_event()
        if event is None:
            raise StopAsyncIteration
        return event

    async def _feed(self, source: AsyncIterable[bytes]) -> None:
        try:
            async for pcm in source:
                if self._line.finalized:
                    return
                await self.send(pcm)
            await self.finalize()
        except Exception as error:
            self._line.settle(error)  # if the call had ended before, its own reason counts
        except asyncio.CancelledError:
            self._line.settle(Misuse("the source raised CancelledError"))
            raise

    async def _leave(self) -> None:
        self._line.settle(Disconnected("the call was left"))
        for task in self._feeding:
            task.cancel()
        try:
            await asyncio.gather(*self._feeding, return_exceptions=True)
        finally:
            await self._line.close()


@asynccontextmanager
async def connect(
    url: str | Sequence[str],
    options: Options | None = None,
    *,
    tls: ssl.SSLContext | None = None,
    api_key: str | None = None,
    headers: Mapping[str, str] | None = None,
    resume: bool = True,
    patience: float = 60.0,
    replay_s: float = 60.0,
) -> AsyncIterator[Call]:
    """Open a call at a `ws://` or `wss://` URL, or at the first of several that takes it.

    `tls` (see `callscribe.client.trust`) replaces Python's default trust, which honours
    SSL_CERT_FILE. `api_key`, or a token in its place, is sent as a bearer token with every
    handshake, and so are `headers`, for other needs of a server or its proxy. After a broken
    connection the URLs are tried in turn, with back-off, for `patience` seconds, unless `resume` is
    off; `replay_s` (5 or more) seconds of audio are kept to be sent again.

    Raises SettingsError for an invalid URL or header, Refused when no server accepts a call now,
    Disconnected when none can be reached or answers, ServerError when one rejects the key or the
    options, or when no call server that is trusted answers at any URL.

    Leaving before `finalize` was answered, by an exception, by cancelling or otherwise, ends the
    call immediately: later events of the server are lost. It takes some seconds at most, whatever
    the server does.
    """
    urls = [url] if isinstance(url, str) else list(url)
    if not urls or replay_s < _LEAST_REPLAY_S:
        raise SettingsError(
            f"{len(urls)} URLs, {replay_s:g} s of replay: at least 1 and {_LEAST_REPLAY_S:g} s"
        )
    for each in urls:
        check_url(each)
    line = Line(
        urls,
        options or Options(),
        tls=tls,
        headers=handshake_headers(headers or {}, api_key),
        resume=resume,
        patience=patience,
        replay_s=replay_s,
    )
    call = Call(line)
    try:
        await line.open()
        yield call
    finally:
        await call._leave()
