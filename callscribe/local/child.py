"""Processes that never outlive this one, their output, and their end."""

import asyncio
import itertools
import os
import random
import signal
import socket
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self, TextIO

from callscribe.terminal.telling import tell
from common.lifecycle import die_with_parent as die_with_parent

_LAST_LINES = 15
_LONGEST_LINE = 1 << 16  # bytes; a longer one is split


def _candidates() -> Iterator[int]:
    """Yield the ports below the kernel's range for outgoing connections, again and again.

    Connections of any process may take a port of that range at any moment. The order begins at
    random, so two processes seldom try the same port; none repeats within thousands.
    """
    ephemeral = 32768  # Linux's default
    with suppress(OSError):
        ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = range(10_000, ephemeral) if ephemeral > 12_000 else range(20_000, 32_768)
    begin = random.randrange(len(ports))
    while True:
        yield from ports[begin:]
        yield from ports[:begin]


_ports = _candidates()


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Return TCP ports that are free now; another process may still bind one first."""
    free: list[int] = []
    for port in itertools.islice(_ports, 10_000):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
            probe.bind((host, port))
            free.append(port)
        if len(free) == count:
            return free
    raise OSError(f"no {count} free ports on {host}")


class Child:
    """A child process in its own process group, so that Ctrl-C reaches only its supervisor.

    Its output is copied to `echo`, if any, and the last lines are kept for error messages. Its own
    children end with it.
    """

    def __init__(
        self, name: str, transport: asyncio.SubprocessTransport, output: "_Output"
    ) -> None:
        self.name = name
        self._transport = transport
        self._output = output

    @classmethod
    async def start(
        cls, name: str, command: Sequence[str], env: Mapping[str, str], echo: TextIO | None
    ) -> Self:
        """Start `command`; call from the main thread."""
        transport, output = await asyncio.get_running_loop().subprocess_exec(
            lambda: _Output(echo),
            *command,
            env=env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            process_group=0,
            preexec_fn=die_with_parent(),
        )
        return cls(name, transport, output)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._transport.get_pid()

    @property
    def last_words(self) -> str:
        """The last lines of output, indented."""
        return "".join(f"\n    {line}" for line in self._output.lines)

    async def wait(self) -> int:
        """Return the exit code once the process has ended; cancelling leaves it running."""
        return await asyncio.shield(self._output.ended)

    async def stop(self, deadline: float, *, hurry_after: float | None = None) -> bool:
        """Ask the process to end, and kill its group after `deadline` seconds.

        `hurry_after`: seconds after which it is asked again, which makes it abandon its work.
        True if it ended by itself. Cancelling kills the group immediately.
        """
        try:
            with suppress(ProcessLookupError):
                self._transport.terminate()
                if hurry_after is not None:
                    await asyncio.wait({self._output.ended}, timeout=hurry_after)
                    self._transport.terminate()
            ended, _ = await asyncio.wait({self._output.ended}, timeout=deadline)
            return bool(ended)
        finally:
            self.kill()
            await self.wait()

    def kill(self) -> None:
        """Kill the process and everything in its group, unless it has ended."""
        if self._transport.get_returncode() is None:
            kill_group(self.pid)


class _Output(asyncio.SubprocessProtocol):
    """Splits a child's output into lines.

    Not asyncio's StreamReader: that reports the end of the child only after the end of the output,
    and a grandchild may keep the output open for ever.
    """

    _transport: asyncio.SubprocessTransport

    def __init__(self, echo: TextIO | None) -> None:
        self.lines: deque[str] = deque(maxlen=_LAST_LINES)
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._echo = echo
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._transport = transport

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._keep(line)
        if len(self._rest) > _LONGEST_LINE:
            self._keep(self._rest)
            self._rest = b""

    def process_exited(self) -> None:
        kill_group(self._transport.get_pid())

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end: the process has exited and all its output was read."""
        if self._rest:
            self._keep(self._rest)
        code = self._transport.get_returncode()
        assert code is not None
        self._transport.close()
        self.ended.set_result(code)

    def _keep(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip()
        self.lines.append(text)
        if self._echo is not None:
            tell(text, self._echo)


def kill_group(pid: int) -> None:
    """Kill a process that leads a group, and everything in it; no error when all have ended."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
