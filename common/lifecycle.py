"""How a process ends: the first signal drains it, a second abandons it, a dead task fails it.

A shutdown has three steps: stop intake, drain within a deadline, abandon. A process runs a set of
named services: coroutines that never return by themselves. When one dies, the process ends with a
non-zero code, because a process that runs on in part is never restarted.
"""

import asyncio
import ctypes
import gc
import os
import resource
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from common.telemetry.logs import Log

EXIT_OK = 0
EXIT_FAILED = 1
"""A service died, or a second signal cut the drain short."""
EXIT_MISUSE = 2
"""A setting or an argument must change first."""
EXIT_INTERRUPTED = 130
"""Ctrl-C, by the convention of shells: 128 plus the signal's number."""

_MOST_FILES = 1 << 20
"""No process of ours needs more; where there is no limit the kernel's is larger than that."""
_PR_SET_PDEATHSIG = 1  # linux/prctl.h

_log = Log(__name__)


def process_name() -> str:
    """Return a unique name; a restart in the same container gets another one."""
    return f"{socket.gethostname()}-{os.getpid()}-{os.urandom(3).hex()}"


def die_with_parent(parent: int | None = None) -> Callable[[], None] | None:
    """Return a function for a child: the kernel then kills it when its parent, this process, ends.

    If the child itself calls this, `parent` is its parent's pid. By parent the kernel means the
    thread that starts the child, so start children from a thread that lasts. None if the kernel
    lacks this (it is Linux's prctl(2), PR_SET_PDEATHSIG).
    """
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)  # loaded here: after the fork, no lock may be taken
    expected = os.getpid() if parent is None else parent

    def arm() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != expected:  # the parent died before the kernel was asked
            os._exit(1)

    return arm


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


@contextmanager
def all_stays() -> Iterator[None]:
    """Look for no garbage meanwhile, nor later among what was made: for imports, which stay.

    A service then starts a tenth earlier.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def settle_memory() -> None:
    """Tell the garbage collector that all objects loaded so far stay.

    Call it once the process is ready. Results are many small short-lived objects: with the default
    threshold a busy process spends a tenth of its time looking for cycles among them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def return_memory() -> None:
    """Make glibc, if it is the C library, return freed memory to the system.

    By default glibc keeps tens of megabytes after one large message. That is right for a process
    that computes on large arrays; call this in any other. See mallopt(3), M_TRIM_THRESHOLD and
    M_MMAP_THRESHOLD.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(_M_TRIM_THRESHOLD, 4 << 20)
    mallopt(_M_MMAP_THRESHOLD, 1 << 16)


def raise_file_limit(need: int) -> None:
    """Raise the limit of open files as far as it goes; warn if that is below `need`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most < need:
        reason = f"{need} open files may be needed, and the hard limit is {most} (ulimit -Hn)"
        _log.warning("process.few_descriptors", reason=reason)


class Stop:
    """A request to end, in two steps. Use from one event loop."""

    def __init__(self) -> None:
        self.draining = asyncio.Event()
        """Set by the first request: accept no new work and finish what runs."""
        self.abandoned = asyncio.Event()
        """Set by the second: leave everything to other workers."""

        self._requested = False

    def request(self, reason: str) -> None:
        """Drain at the first request, abandon at the second."""
        if self._requested:
            self.abandoned.set()
        self._requested = True
        self.draining.set()
        step = "abandon" if self.abandoned.is_set() else "drain"
        _log.info("process.stopping", reason=reason, step=step)

    def drain(self, reason: str) -> None:
        """Drain, without counting as a request: the first signal after it does not cut it short."""
        if not self.draining.is_set():
            self.draining.set()
            _log.info("process.stopping", reason=reason, step="drain")


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Turn SIGTERM and SIGINT into requests to a `Stop`, inside a running event loop."""
    stop = Stop()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    for each in signals:
        loop.add_signal_handler(each, stop.request, each.name)
    try:
        yield stop
    finally:
        for each in signals:
            loop.remove_signal_handler(each)


async def unless_stopped(starting: Coroutine[Any, Any, None], stop: Stop) -> bool:
    """Await `starting`, or cancel it once `stop` is requested; tell whether it completed.

    A model takes minutes to load, and a process that is not ready yet has nothing to drain.
    """
    start = asyncio.create_task(starting)
    stopping = asyncio.create_task(stop.draining.wait())
    try:
        await asyncio.wait({start, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if start.done():
            start.result()
        return start.done()
    finally:
        await _cancel({start, stopping})


async def supervise(
    services: Mapping[str, Awaitable[None]],
    stop: Stop,
    *,
    drain: Callable[[], Awaitable[Any]],
    deadline: float,
) -> int:
    """Run `services` until `stop` is requested, or one of them dies; return the exit code.

    When stopping, `drain()` runs beside the services, which it needs, until it is done, for at
    most `deadline` seconds or until a second request. Then the services are cancelled and
    awaited. Work that is unfinished at the deadline is handed over, not lost. So the exit code is
    EXIT_OK, unless a service died or a second request came.
    Cancelling cancels the services and skips the drain.
    """
    tasks = {_start(name, each) for name, each in services.items()}
    stopping = asyncio.create_task(stop.draining.wait())
    try:
        await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not stop.draining.is_set():
            _report_dead(tasks)
            return EXIT_FAILED
        drained = await _drain(drain, tasks, stop, deadline)
        return EXIT_OK if drained else EXIT_FAILED
    finally:
        await _cancel({*tasks, stopping})


def _start(name: str, work: Awaitable[Any]) -> asyncio.Task[Any]:
    task: asyncio.Task[Any] = asyncio.ensure_future(work)
    task.set_name(name)
    return task


async def _drain(
    drain: Callable[[], Awaitable[Any]],
    services: set[asyncio.Task[Any]],
    stop: Stop,
    deadline: float,
) -> bool:
    draining: asyncio.Task[Any] = _start("drain", drain())
    abandoning: asyncio.Task[Any] = asyncio.create_task(stop.abandoned.wait())
    # While draining a service may return, but not fail: the drain would wait for it in vain.
    running = set(services)
    end = asyncio.get_running_loop().time() + deadline
    try:
        while not draining.done():
            left = end - asyncio.get_running_loop().time()
            done, _ = await asyncio.wait(
                {draining, abandoning, *running},
                timeout=max(left, 0),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if abandoning in done:
                _log.warning("process.abandoned")
                return False
            if not done:
                _log.warning("process.unfinished", deadline=deadline)
                return True
            ended = {each for each in running if each.done()}
            running -= ended
            if _report_dead({each for each in ended if _failed(each)}):
                return False
        return not (_failed(draining) and _report_dead({draining}))
    finally:
        await _cancel({draining, abandoning})


def _failed(task: asyncio.Task[Any]) -> bool:
    return task.cancelled() or task.exception() is not None


def _report_dead(tasks: set[asyncio.Task[Any]]) -> bool:
    dead = [each for each in tasks if each.done()]
    for task in dead:
        error = None if task.cancelled() else task.exception()
        if error is None:
            _log.error("task.died", task=task.get_name(), cancelled=task.cancelled())
        else:
            _log.exception("task.died", error, task=task.get_name())
    return bool(dead)


async def _cancel(tasks: set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    # return_exceptions: a failure was reported when it ended the wait, and cannot end it twice.
    await asyncio.gather(*tasks, return_exceptions=True)
