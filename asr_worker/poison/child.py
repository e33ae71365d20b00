"""An engine in a child process: a decode there can end the child, not the worker.

The child is started for the first decode, kept for a while for the next, and ends with the worker
in any case. It loads the model once more, so its memory is in use only while there are poison
candidates.
"""

import asyncio
import atexit
import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from typing import TypeAlias

from asr_worker.api import (
    DecodeFailed,
    DecodePoisoned,
    DecodeRequest,
    Engine,
    Hypothesis,
    LanguageUnsupported,
)
from common.errors import reason_of
from common.lifecycle import die_with_parent
from common.telemetry.logs import Log

_KEPT = 60.0
"""Seconds for which an idle child is kept."""
_START = 300.0
"""Seconds for loading the model; it was loaded once before, in the worker."""
_AGAIN_AFTER = 5.0
"""Seconds between attempts to start a child."""

_PROOF = 2
"""Children in a row that must die over a request to prove that it is poison: a single one may die
for want of memory or by chance, as the workers before it."""

_Answer: TypeAlias = tuple[str, str] | Hypothesis
"""A hypothesis, or the kind and the text of an error: not every error can be pickled."""

_log = Log(__name__)


class _Ended(Exception):
    """The child has ended, or is `silent`; the message says how."""

    def __init__(self, how: str, *, silent: bool = False) -> None:
        super().__init__(how)
        self.silent = silent


class ChildEngine:
    """Decodes one request after the other in a child. One event loop.

    `build` makes the child's engine; it must be picklable.
    """

    def __init__(self, build: Callable[[], Engine]) -> None:
        self._build = build
        self._turn = asyncio.Lock()
        self._child: _Child | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._closed = False

    async def decode(self, request: DecodeRequest, limit: float) -> Hypothesis:
        """Recognise `request.audio` from the beginning, within `limit` seconds.

        Waits as long as no child can be started. Raises DecodePoisoned if it ends the child or gets
        no answer in time; DecodeFailed and LanguageUnsupported as the child's engine does.
        Cancelling ends the child.
        """
        # An engine's memory of an utterance is private, and may not be pickled.
        request = replace(request, previous=None)
        async with self._turn:
            answer = await self._ask(request, limit)
        if isinstance(answer, Hypothesis):
            return answer
        kind, text = answer
        raise LanguageUnsupported(text) if kind == "LanguageUnsupported" else DecodeFailed(text)

    async def close(self) -> None:
        """End the child; decodes still in flight or waiting fail."""
        self._closed = True
        self._drop()

    async def _ask(self, request: DecodeRequest, limit: float) -> _Answer:
        ends: list[str] = []
        while True:
            child = await self._started()
            try:
                answer = await asyncio.to_thread(child.ask, request, limit)
            except _Ended as ended:
                self._drop()
                if self._closed:
                    raise DecodeFailed("the worker ends") from None
                ends.append(str(ended))
                if ended.silent or len(ends) == _PROOF:
                    raise DecodePoisoned(f"decoded in isolation: {', '.join(ends)}") from None
            except asyncio.CancelledError:
                self._drop()
                raise
            else:
                self._idle = asyncio.get_running_loop().call_later(_KEPT, self._drop)
                return answer

    async def _started(self) -> "_Child":
        """Return a child that is ready."""
        if self._idle is not None:
            self._idle.cancel()
        while self._child is None or not self._child.alive:
            if self._closed:
                raise DecodeFailed("the worker ends")
            try:
                # Not in a thread: the kernel ends the child with the thread that started it.
                child = self._child = _Child(self._build)
                await asyncio.to_thread(child.await_ready)
            except (_Ended, OSError) as ended:
                # This proves nothing about the utterance; memory may be short now. So it waits.
                _log.error("isolated.not_started", reason=str(ended))
                self._drop()
                await asyncio.sleep(_AGAIN_AFTER)
            except asyncio.CancelledError:
                self._drop()
                raise
        return self._child

    def _drop(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        if self._child is not None:
            self._child.kill()
            self._child = None


class _Child:
    """The process and the pipe to it. `await_ready` and `ask` block: call them in a thread."""

    def __init__(self, build: Callable[[], Engine]) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, build, os.getpid()), name="isolated decode"
        )
        self._process.start()
        theirs.close()
        # Otherwise the interpreter would wait for the child at its exit.
        atexit.register(self.kill)

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    def await_ready(self) -> None:
        """Wait until the engine is loaded; _Ended says why it is not."""
        answer = self._receive(_START)
        if not isinstance(answer, Hypothesis):
            raise _Ended(": ".join(answer))

    def ask(self, request: DecodeRequest, limit: float) -> _Answer:
        """Return the answer to a request; _Ended says how the child ended over it."""
        with suppress(OSError):  # `_receive` reports how it ended
            self._pipe.send(request)
        return self._receive(limit)

    def kill(self) -> None:
        """End the child; a thread that waits for its answer gets _Ended."""
        atexit.unregister(self.kill)
        self._process.kill()

    def _receive(self, limit: float) -> _Answer:
        if not wait([self._pipe, self._process.sentinel], limit):
            raise _Ended(f"no answer in {limit:.0f} s", silent=True)
        try:
            answer: _Answer = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            raise _Ended(_end(self._process.exitcode)) from None
        return answer


def _end(code: int | None) -> str:
    return signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"


# In the child.


def _serve(pipe: Connection, build: Callable[[], Engine], parent: int) -> None:
    if (arm := die_with_parent(parent)) is not None:
        arm()
    # These signals may go to all processes of a worker, but a draining worker needs its child.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    asyncio.run(_answer_requests(pipe, build))


async def _answer_requests(pipe: Connection, build: Callable[[], Engine]) -> None:
    try:
        engine = build()
        await engine.start()
    except Exception as error:
        pipe.send(("cannot be loaded", reason_of(error)))
        return
    pipe.send(Hypothesis(""))
    with suppress(EOFError):  # the worker is gone
        while True:
            # Blocking is fine: nothing else runs in this process.
            pipe.send(await _answer(engine, pipe.recv()))


async def _answer(engine: Engine, request: DecodeRequest) -> _Answer:
    try:
        return replace(await engine.decode(request), memory=None)
    except Exception as error:
        return type(error).__name__, str(error)
