"""The client without asyncio: the same calls, guarantees and errors as `callscribe.client`.

    with connect("ws://localhost:8000/ws/asr", Options(sample_rate=8000)) as call:
        for event in call.transcribe(microphone):    # any iterable of bytes, which may block
            print(event)

The connection is worked by a thread of its own, so that it stays alive whatever the caller does.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from ssl import SSLContext
from typing import Any, Self, TypeAlias, TypeVar, Unpack

from callscribe import client
from callscribe.errors import Disconnected
from callscribe.messages import Changes, Event, Options

T = TypeVar("T")
_Requests: TypeAlias = SimpleQueue[asyncio.Future[bytes | None] | None]


class SyncCall:
    """A `callscribe.client.Call` for threads; made by `connect`.

    Methods block where the others wait, and raise the same errors. One thread may send while
    another iterates. An exception that interrupts the blocking, as KeyboardInterrupt does, acts
    like cancelling.
    """

    def __init__(self, call: client.Call, loop: asyncio.AbstractEventLoop) -> None:
        self._call = call
        self._loop = loop

    @property
    def session_id(self) -> str:
        """The call's name in the servers' logs."""
        return self._call.session_id

    def send(self, pcm: bytes) -> None:
        """See `Call.send`."""
        _wait(self._call.send(pcm), self._loop)

    def flush(self) -> None:
        """See `Call.flush`."""
        _wait(self._call.flush(), self._loop)

    def finalize(self) -> None:
        """See `Call.finalize`."""
        _wait(self._call.finalize(), self._loop)

    def configure(self, **changes: Unpack[Changes]) -> None:
        """See `Call.configure`."""
        _wait(self._call.configure(**changes), self._loop)

    def transcribe(self, source: Iterable[bytes]) -> Iterator[Event]:
        """Send a source to its end and finalize; meanwhile yield events until the call has ended.

        What the source raises is raised here. The source is read in a thread of its own; one that
        still blocks when the call is left keeps that thread, but not the process.
        """
        events = self._call.transcribe(_read_apart(source))
        while (event := _wait(_next(events), self._loop)) is not None:
            yield event

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        event = _wait(_next(self._call), self._loop)
        if event is None:
            raise StopIteration
        return event


@contextmanager
def connect(
    url: str | Sequence[str],
    options: Options | None = None,
    *,
    tls: SSLContext | None = None,
    resume: bool = True,
    patience: float = 60.0,
    ring_s: float = 60.0,
) -> Iterator[SyncCall]:
    """Open a call and close it on leaving; see `callscribe.client.connect`."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=_work, args=(loop,), name="callscribe-call", daemon=True)
    thread.start()
    opening = client.connect(url, options, tls=tls, resume=resume, patience=patience, ring_s=ring_s)
    try:
        call = _wait(opening.__aenter__(), loop)
        try:
            yield SyncCall(call, loop)
        finally:
            _wait(opening.__aexit__(None, None, None), loop)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def _work(loop: asyncio.AbstractEventLoop) -> None:
    """Run the loop until it is stopped, then end what still runs in it, as `asyncio.run` does."""
    loop.run_forever()
    for task in (left := asyncio.all_tasks(loop)):
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


def _wait(work: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> T:
    if loop.is_closed():
        work.close()
        raise Disconnected("the call was left")
    future = asyncio.run_coroutine_threadsafe(work, loop)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


async def _next(events: AsyncIterator[Event]) -> Event | None:
    return await anext(events, None)


async def _read_apart(source: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Yield what the source does, each piece read by a thread when it is asked for."""
    requests: _Requests = SimpleQueue()
    name = "callscribe-source"
    threading.Thread(target=_answer, args=(source, requests), name=name, daemon=True).start()
    loop = asyncio.get_running_loop()
    try:
        while True:
            answer: asyncio.Future[bytes | None] = loop.create_future()
            requests.put(answer)
            piece = await answer
            if piece is None:
                return
            yield piece
    finally:
        requests.put(None)


def _answer(source: Iterable[bytes], requests: _Requests) -> None:
    pieces = iter(source)
    while (answer := requests.get()) is not None:
        piece: bytes | None = None
        failure: Exception | None = None
        try:
            piece = next(pieces, None)
        except Exception as error:
            failure = error
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            answer.get_loop().call_soon_threadsafe(_resolve, answer, piece, failure)


def _resolve(
    answer: asyncio.Future[bytes | None], piece: bytes | None, failure: Exception | None
) -> None:
    if answer.done():  # cancelled
        return
    if failure is None:
        answer.set_result(piece)
    else:
        answer.set_exception(failure)
