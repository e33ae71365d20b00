"""Processes that never outlive this one, their output, and their end."""

import asyncio
import ctypes
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Self, TextIO

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LAST_LINES = 15


def die_with_parent() -> Callable[[], None] | None:
    """Return a `preexec_fn` that has the kernel kill the child when this process ends.

    The kernel means the thread that starts the child: start children from one that lasts. None
    where the kernel has no such thing (it is Linux's prctl(2), PR_SET_PDEATHSIG).
    """
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)  # loaded here: after the fork, no lock may be taken
    parent = os.getpid()

    def arm() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent died before the kernel was told
            os._exit(1)

    return arm


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Return TCP ports that are free now; another process may still take one first."""
    with ExitStack() as stack:
        # All are held at once, or the kernel might hand out one twice.
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((host, 0))
        return [each.getsockname()[1] for each in sockets]


class Child:
    """A child process in its own process group, so that Ctrl-C reaches only its supervisor.

    Its output is copied to `echo`, if any, and the last lines are kept for a post-mortem.
    """

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self._process = process
        self._lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._ended: asyncio.Task[int]

    @classmethod
    async def start(
        cls, name: str, command: Sequence[str], env: Mapping[str, str], echo: TextIO | None
    ) -> Self:
        """Start `command`; call from the main thread."""
        process = await asyncio.create_subprocess_exec(
            *command,
            env=env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            process_group=0,
            preexec_fn=die_with_parent(),
        )
        child = cls(name, process)
        child._ended = asyncio.create_task(child._follow(echo), name=name)
        return child

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def last_words(self) -> str:
        """The last lines of output, indented."""
        return "".join(f"\n    {line}" for line in self._lines)

    async def wait(self) -> int:
        """Return the exit code once the process has ended; cancelling leaves it running."""
        return await asyncio.shield(self._ended)

    async def stop(self, deadline: float) -> bool:
        """Ask the process to end, and kill its group after `deadline` seconds.

        True if it ended by itself. Cancelling kills the group at once.
        """
        try:
            with suppress(ProcessLookupError):
                self._process.terminate()
            await asyncio.wait_for(self.wait(), deadline)
        except TimeoutError:
            return False
        finally:
            self.kill()
            await self.wait()
        return True

    def kill(self) -> None:
        """Kill the process and everything in its group, unless it has ended."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    async def _follow(self, echo: TextIO | None) -> int:
        reading = asyncio.create_task(self._read(echo))
        code = await self._process.wait()
        # Its own children must not stay behind; they would also hold the output open.
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        await reading
        return code

    async def _read(self, echo: TextIO | None) -> None:
        output = self._process.stdout
        assert output is not None
        while line := await _read_line(output):
            text = line.decode(errors="replace").rstrip()
            self._lines.append(text)
            if echo is not None:
                print(text, file=echo, flush=True)


async def _read_line(output: asyncio.StreamReader) -> bytes:
    try:
        return await output.readline()
    except ValueError:
        # A line longer than the reader's buffer, which readline() has discarded.
        return b"(a line too long to show)\n"
