"""The client without asyncio: the same calls, guarantees and errors as `callscribe.client`.

    with connect("ws://localhost:8000/ws/asr", Options(sample_rate=8000)) as call:
        for event in call.transcribe(microphone):    # any iterable of bytes, which may block
            print(event)

A thread of its own serves the connection, so that it stays alive whatever the caller does.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from ssl import SSLContext
from typing import Any, Self, TypeVar, Unpack

from callscribe import client
from callscribe.client.blocking import SourceExit, in_thread
from callscribe.client.errors import Disconnected
from callscribe.client.messages import Event
from callscribe.client.options import Changes, Options

T = TypeVar("T")

_LEFT = "the call was left"


class SyncCall:
    """A `callscribe.client.Call` for threads; made by `connect`.

    Methods block where those of `Call` wait, and raise the same errors. One thread may send while
    another iterates. A method that blocks while the call is left raises Disconnected. An exception
    that interrupts the blocking, such as KeyboardInterrupt, acts like cancelling.
    """

    def __init__(self, call: client.Call, worker: "_Worker") -> None:
        self._call = call
        self._worker = worker

    @property
    def session_id(self) -> str:
        """The call's name in the servers' logs."""
        return self._call.session_id

    def send(self, pcm: bytes) -> None:
        """See `Call.send`."""
        self._worker.run(self._call.send(pcm))

    def flush(self) -> None:
        """See `Call.flush`."""
        self._worker.run(self._call.flush())

    def finalize(self) -> None:
        """See `Call.finalize`."""
        self._worker.run(self._call.finalize())

    def configure(self, **changes: Unpack[Changes]) -> None:
        """See `Call.configure`."""
        self._worker.run(self._call.configure(**changes))

    def transcribe(self, source: Iterable[bytes]) -> Iterator[Event]:
        """Send a source to its end and finalize; meanwhile yield events until the call has ended.

        Errors of the source are raised here, even SystemExit and the like. A thread of its own
        reads the source. If the source still blocks when the call is left, that thread stays, but
        does not keep the process alive.
        """
        events = self._call.transcribe(in_thread(source))
        try:
            while (event := self._worker.run(_next(events))) is not None:
                yield event
        except SourceExit as end:
            raise end.raised from None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        event = self._worker.run(_next(self._call))
        if event is None:
            raise StopIteration
        return event


@contextmanager
def connect(
    url: str | Sequence[str],
    options: Options | None = None,
    *,
    tls: SSLContext | None = None,
    api_key: str | None = None,
    headers: Mapping[str, str] | None = None,
    resume: bool = True,
    patience: float = 60.0,
    replay_s: float = 60.0,
) -> Iterator[SyncCall]:
    """Open a call and close it on leaving; see `callscribe.client.connect`."""
    worker = _Worker()
    opening = client.connect(
        url,
        options,
        tls=tls,
        api_key=api_key,
        headers=headers,
        resume=resume,
        patience=patience,
        replay_s=replay_s,
    )
    try:
        call = worker.run(opening.__aenter__())
        try:
            yield SyncCall(call, worker)
        finally:
            worker.run(opening.__aexit__(None, None, None))
    finally:
        worker.end()


class _Worker:
    """An event loop in a thread of its own, which runs the coroutines of any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._handing_over = threading.Lock()
        self._ended = False
        """Whether the loop accepts no more work; it still ends what it accepted."""
        name = "callscribe-call"
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for the result of `work`; Disconnected if it does not run to its end."""
        with self._handing_over:
            if self._ended:
                work.close()
                raise Disconnected(_LEFT)
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException as error:
            if isinstance(error, CancelledError) and future.cancelled():  # by `_work`
                raise Disconnected(_LEFT) from None
            future.cancel()
            raise

    def end(self) -> None:
        """Cancel all running work and wait until the thread has ended."""
        with self._handing_over:
            self._ended = True
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _work(self) -> None:
        """Run the loop until it is stopped, then clean up as `asyncio.run` does."""
        self._loop.run_forever()
        for task in (left := asyncio.all_tasks(self._loop)):
            task.cancel()
        if left:
            self._loop.run_until_complete(asyncio.wait(left))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()


async def _next(events: AsyncIterator[Event]) -> Event | None:
    return await anext(events, None)
