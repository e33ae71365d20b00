"""Sources that block, read beside the event loop that carries a call."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import suppress
from queue import SimpleQueue
from typing import TypeVar

from callscribe.errors import CallscribeError, reason_of

T = TypeVar("T")


class SourceExit(CallscribeError):
    """Wraps a BaseException of a source, which would otherwise end the loop."""

    def __init__(self, raised: BaseException) -> None:
        super().__init__(f"the source ended by {reason_of(raised)}")
        self.raised = raised


async def in_thread(source: Iterable[T]) -> AsyncGenerator[T, None]:
    """Yield the pieces of the source; a thread reads each on request.

    Errors of the source are raised here, a BaseException as SourceExit. Where this is left while
    the source blocks, the thread stays until the source answers, and keeps no process alive.
    """
    requests: SimpleQueue[asyncio.Future[T | None] | None] = SimpleQueue()
    name = "callscribe-source"
    threading.Thread(target=_answer, args=(source, requests), name=name, daemon=True).start()
    loop = asyncio.get_running_loop()
    try:
        while True:
            answer: asyncio.Future[T | None] = loop.create_future()
            requests.put(answer)
            piece = await answer
            if piece is None:
                return
            yield piece
    finally:
        requests.put(None)


def _answer(source: Iterable[T], requests: SimpleQueue[asyncio.Future[T | None] | None]) -> None:
    pieces: Iterator[T] | None = None
    while (answer := requests.get()) is not None:
        piece: T | None = None
        failure: Exception | None = None
        try:
            pieces = iter(source) if pieces is None else pieces
            piece = next(pieces, None)
        except Exception as error:
            failure = error
        except BaseException as error:
            failure = SourceExit(error)
        with suppress(RuntimeError):  # the loop is closed: nothing waits any more
            answer.get_loop().call_soon_threadsafe(_resolve, answer, piece, failure)


def _resolve(answer: asyncio.Future[T | None], piece: T | None, failure: Exception | None) -> None:
    if answer.done():  # cancelled
        return
    if failure is None:
        answer.set_result(piece)
    else:
        answer.set_exception(failure)
