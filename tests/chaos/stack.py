"""The system under test: every process by itself, to be hurt and started again, and its Redis."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import redis.asyncio as aioredis
from redis.exceptions import RedisError

from bench.redis_server import admin_url
from callscribe.local.child import die_with_parent, free_ports
from callscribe.local.embedded_redis import find_server
from common.settings import PREFIX
from tests.real_redis import guard

MARK = "CHAOS_RUN"
"""Environment variable by which every process of a run can be found, whoever its parent is."""
GATEWAYS = ("gateway", "steady")
"""Kinds of process that are gateways; a steady one is never hurt."""
END_S = 30.0
"""Seconds in which a process asked to end must have ended; its drain deadline is a third of it."""
_POLL = 0.02


@dataclass(frozen=True, slots=True)
class Layout:
    """How many processes of each kind, and the command of each kind.

    Every second process of a kind runs the sources in `mixed`, if that is given, and has the flags
    in `seconds` too.
    """

    counts: Mapping[str, int]
    commands: Mapping[str, Sequence[str]]
    flags: Mapping[str, Sequence[str]]
    mixed: Path | None = None
    seconds: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Process:
    """One place in the system: a process that is replaced by another whenever it ends."""

    def __init__(
        self,
        kind: str,
        number: int,
        command: Sequence[str],
        logs: Path,
        run: str,
        sources: Path | None = None,
    ):
        self.kind = kind
        self.name = f"{kind}-{number}"
        (self.port,) = free_ports(1)
        where = ("--host", "127.0.0.1", "--port") if kind in GATEWAYS else _METRICS
        self._command = [sys.executable, "-m", *command, *where, str(self.port)]
        self._log = logs / f"{self.name}.log"
        self._run = run
        self._sources = sources
        self._process: subprocess.Popen[bytes] | None = None
        self._log_began = 0
        self.struck = asyncio.Lock()
        """Held by the fault that this process suffers."""
        self.began = 0.0

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self.exit_code is None and self._process else None

    @property
    def exit_code(self) -> int | None:
        """The exit code once it has ended."""
        return self._process.poll() if self._process is not None else None

    def start(self) -> None:
        """Start it, from the main thread."""
        environment = {name: v for name, v in os.environ.items() if not name.startswith(PREFIX)}
        environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", MARK: self._run}
        if self._sources is not None:
            environment["PYTHONPATH"] = str(self._sources)
        with self._log.open("ab") as log:
            self._log_began = log.tell()
            log.write(f"--- started at {time.time():.3f}\n".encode())
            log.flush()
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=self._sources,
                process_group=0,
                preexec_fn=die_with_parent(),
            )
        self.began = time.monotonic()

    def signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    async def ended(self) -> int:
        """Wait until it has ended; return the exit code."""
        assert self._process is not None
        while (code := self._process.poll()) is None:
            await asyncio.sleep(_POLL)
        return code

    async def kill(self) -> None:
        """End it as a machine that loses its power does."""
        self.signal(signal.SIGKILL)
        await self.ended()

    async def end(self) -> int | None:
        """Ask it to end; return the exit code, None if it had to be killed after `END_S`."""
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(END_S):
                return await self.ended()
        except TimeoutError:
            await self.kill()
            return None

    async def ready(self) -> bool:
        """Ask it whether it can take work."""
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            async with asyncio.timeout(1.0):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                try:
                    writer.write(b"GET /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    return b" 200 " in await reader.readline()
                finally:
                    writer.close()
        return False

    @property
    def last_words(self) -> str:
        """What the process that ran last has said."""
        with self._log.open("rb") as log:
            log.seek(self._log_began)
            return log.read().decode(errors="replace")


_COULD_NOT_START = re.compile(r"^callscribe \w+: .*(Redis|maxmemory)", re.MULTILINE)
_METRICS = ("--metrics-host", "127.0.0.1", "--metrics-port")


class LastingRedis:
    """A Redis with AOF, the documented production setting, on a port that stays the same."""

    def __init__(self, directory: Path, run: str, **options: str) -> None:
        (self.port,) = free_ports(1)
        self._directory = directory
        self._options = options
        self._run = run
        self._process: subprocess.Popen[bytes]
        self.struck = asyncio.Lock()
        self.guard = guard(directory)
        self.admin = aioredis.Redis.from_url(
            admin_url(self.guard.url(self.port)), socket_timeout=5, socket_connect_timeout=2
        )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def start(self) -> None:
        """Start it on the data of its former life and wait until it answers."""
        self._spawn()
        while not await asyncio.to_thread(self.guard.answers, self.port):
            if self._process.poll() is not None:
                raise RuntimeError(f"Redis does not start: see {self._directory}/redis.log")
            await asyncio.sleep(_POLL)

    def _spawn(self) -> None:
        options = {
            **{"bind": "127.0.0.1", "dir": str(self._directory)},
            **{"save": "", "appendonly": "yes", "appendfsync": "everysec"},
            **{"maxclients": "10000", "stream-node-max-bytes": "16384"},
            **self.guard.options(self.port),
            **self._options,
        }
        flags = [part for name, value in options.items() for part in (f"--{name}", value)]
        with Path(self._directory, "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                [find_server(), *flags],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, MARK: self._run},
                process_group=0,
                preexec_fn=die_with_parent(),
            )

    async def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        await asyncio.to_thread(self._process.wait)

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    async def limit(self, size: int) -> None:
        """Set `maxmemory` (bytes, 0: none), however long it takes."""
        while True:
            try:
                await self.admin.config_set("maxmemory", size)
            except (RedisError, OSError):
                await asyncio.sleep(0.2)
            else:
                return

    async def hang_up(self, part: float) -> int:
        """Close a part (0..1) of the clients' connections, at least one; return how many."""
        own = await self.admin.client_id()
        ids = [each["id"] for each in await self.admin.client_list() if int(each["id"]) != own]
        chosen = ids[: max(1, round(part * len(ids)))]
        return sum([await self.admin.client_kill_filter(_id=each) for each in chosen])


class Stack:
    """All processes over one Redis; `redis_url` is where they find it, through a proxy or not."""

    def __init__(self, layout: Layout, redis_url: str, logs: Path, run: str) -> None:
        shared = ["--redis-url", redis_url, "--drain-s", f"{END_S / 3:g}"]
        self.processes = [
            Process(
                kind,
                number,
                [
                    *layout.commands[kind],
                    *shared,
                    *layout.flags.get(kind, ()),
                    *(layout.seconds.get(kind, ()) if number % 2 else ()),
                ],
                logs,
                run,
                layout.mixed if number % 2 else None,
            )
            for kind, count in layout.counts.items()
            for number in range(count)
        ]
        self.failed_starts = 0
        self.problems: list[str] = []

    def of(self, kind: str) -> list[Process]:
        """The processes of a kind."""
        return [process for process in self.processes if process.kind == kind]

    async def start(self, deadline: float = 120.0) -> None:
        """Start everything and wait until all is ready."""
        for process in self.processes:
            process.start()
        async with asyncio.timeout(deadline):
            for process in self.processes:
                while not await process.ready():
                    if process.exit_code is not None:
                        raise RuntimeError(f"{process.name} ended:\n{process.last_words}")
                    await asyncio.sleep(0.1)

    async def supervise(self) -> None:
        """Start again what ended by itself, for ever, and note what should not have ended."""
        while True:
            await asyncio.sleep(0.2)
            for process in self.processes:
                if process.struck.locked() or process.exit_code is None:
                    continue
                words = process.last_words
                if _COULD_NOT_START.search(words) and "task.died" not in words:
                    self.failed_starts += 1
                else:
                    code = process.exit_code
                    self.problems.append(
                        f"{process.name} ended by itself, code {code}:\n{words[-2000:]}"
                    )
                async with process.struck:  # no fault may start it meanwhile as well
                    await asyncio.sleep(0.3)
                    process.start()

    async def stop(self) -> None:
        """Ask everything to end, the gateways first; what does not is killed and noted."""
        for kinds in (GATEWAYS, tuple({p.kind for p in self.processes} - {*GATEWAYS})):
            group = [process for process in self.processes if process.kind in kinds]
            for process in group:
                process.signal(signal.SIGCONT)
            codes = await asyncio.gather(*(process.end() for process in group))
            for process, code in zip(group, codes, strict=True):
                if code != 0:
                    how = "was killed" if code is None else f"ended with code {code}"
                    self.problems.append(f"{process.name} {how} at the end")

    async def kill(self) -> None:
        """End what still runs, immediately."""
        for process in self.processes:
            process.signal(signal.SIGKILL)
        for process in self.processes:
            if process.pid is not None:
                await process.ended()
