"""A process that is kept running: it is restarted whenever it dies, with growing pauses.

A restart may not help a process that was never ready: then the keeper fails.
"""

import asyncio
import random
import signal
import sys
import time
from typing import Generic, NoReturn, Protocol, TypeVar

from callscribe.local.backoff import Backoff
from callscribe.terminal.telling import tell
from common.errors import Unavailable

_POLL = 0.05
_LONGEST_QUOTE = 300
_KILLED_FROM_OUTSIDE = (-signal.SIGKILL, -signal.SIGTERM)
"""Exit codes whose reason is not in the process's own output."""


class Process(Protocol):
    """A running process."""

    @property
    def pid(self) -> int:
        """The process id."""

    @property
    def last_words(self) -> str:
        """The last lines of output, indented."""

    async def wait(self) -> int:
        """Return the exit code once the process has ended; cancelling leaves it running."""


P = TypeVar("P", bound=Process)
P_co = TypeVar("P_co", bound=Process, covariant=True)


class Program(Protocol[P_co]):
    """How a process is started, any number of times, and asked whether it is ready."""

    @property
    def name(self) -> str:
        """The name for people."""

    async def start(self) -> P_co:
        """Start a process; cancelling leaves none. OSError if the machine has no room for it."""

    def probe(self) -> str | None:
        """Return None when the process is ready, else the reason why not; runs in a thread."""


class Keeper(Generic[P]):
    """Keeps one process of `program` running from `keep` until `let_go`.

    If the process was never ready, or the keeper fails itself, the error becomes the exception of
    `failed`, which several keepers may share.
    """

    def __init__(self, program: Program[P], failed: asyncio.Future[NoReturn]) -> None:
        self.process: P | None = None
        """None before the start, and between a death and the next start."""
        self.ready = asyncio.Event()
        self.first_ready: float | None = None
        """When it was ready for the first time, by time.monotonic()."""
        self.program = program
        self._failed = failed
        self._task: asyncio.Task[None] | None = None
        self._backoff = Backoff()
        self._ready_since = 0.0
        self._died: float | None = None
        """When it died after being ready; None once it is ready again."""

    @property
    def name(self) -> str:
        """The process's name for people."""
        return self.program.name

    def keep(self) -> None:
        """Start the process and keep it running; call once."""
        self._task = asyncio.create_task(self._run(), name=f"keep:{self.name}")
        self._task.add_done_callback(self._note_failure)

    async def let_go(self) -> None:
        """Restart the process no more. A running process continues."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def _note_ready(self, process: P) -> None:
        """Note that the process that is kept, `process`, is ready."""
        self._ready_since = time.monotonic()
        if self.first_ready is None:
            self.first_ready = self._ready_since
        if self._died is not None:
            took = self._ready_since - self._died
            notice(f"{self.name} (pid {process.pid}) is ready again after {took:.1f} s")
            self._died = None
        self.ready.set()

    def _note_failure(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) and not self._failed.done():
            self._failed.set_exception(error)

    async def _run(self) -> None:
        while True:
            how = await self._live()
            now = time.monotonic()
            ready_for = now - self._ready_since if self.ready.is_set() else 0.0
            self._died = now if self._died is None else self._died
            self.process = None
            self.ready.clear()
            pause = self._backoff.pause(ready_for, random.random())
            notice(f"{self.name}{how}; starting it again in {pause:.2g} s")
            await asyncio.sleep(pause)

    async def _live(self) -> str:
        """Start the process if necessary, wait for its end, and return a description of that."""
        if self.process is None:
            try:
                self.process = await self.program.start()
            except OSError as error:
                return f" cannot be started: {error}"
        process = self.process
        if await until_ready(self.program, process):
            self._note_ready(process)
        code = await process.wait()
        if self.first_ready is None:
            raise Unavailable(obituary(self.name, process, code), stage=self.name)
        return f" (pid {process.pid}) ended with {ending(code)}{_reason(process, code)}"


async def until_ready(program: Program[P], process: P) -> bool:
    """Wait until the process is ready; False when it ends before that."""
    ended = asyncio.ensure_future(process.wait())
    try:
        while not ended.done():
            if await asyncio.to_thread(program.probe) is None:
                return True
            await asyncio.wait({ended}, timeout=_POLL)
        return False
    finally:
        ended.cancel()


async def lateness(program: Program[P], process: P | None, limit: float) -> Unavailable:
    """Return the error for a process that is not ready after `limit` seconds, with the reason."""
    reason = await asyncio.to_thread(program.probe) or "it is ready only now"
    words = (process and process.last_words) or " none"
    return Unavailable(
        f"{program.name} is not ready after {limit:g} s: {reason}; its last words:{words}",
        stage=program.name,
    )


def notice(text: str) -> None:
    """Tell the operator, in one line on stderr."""
    tell(f"callscribe: {text}", sys.stderr)


def ending(code: int) -> str:
    """Return how a process ended: its exit code, or the signal by name."""
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def obituary(name: str, process: Process, code: int) -> str:
    """Return how a process ended, with the last lines of its output."""
    words = process.last_words or " none"
    return f"{name} (pid {process.pid}) ended with {ending(code)}; its last words:{words}"


def _reason(process: Process, code: int) -> str:
    lines = [line.strip() for line in process.last_words.splitlines() if line.strip()]
    if code in _KILLED_FROM_OUTSIDE or not lines:
        return ""
    return f": {lines[-1][:_LONGEST_QUOTE]}"
