"""A real Redis, a real stack, and the proof that neither is left dirty."""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass

import pytest
import redis

from callscribe.commands.invocation import Invocation
from callscribe.commands.stack_flags import stack_options, stack_parser, usual_ports
from callscribe.local.child import free_ports
from callscribe.local.embedded_redis import EmbeddedRedis
from callscribe.local.plan import lay_out
from common.bus import keys
from common.redis.link import Link
from tests.integration.callscribe.processes import until
from tests.integration.forks import Fork, fork
from tests.real_redis import admin, admin_address, real_redis


async def wait_until(condition: Callable[[], object], what: str, timeout: float = 15.0) -> None:
    """Wait for a condition; fail with its name when it does not come true."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, f"timed out waiting until {what}"
        await asyncio.sleep(0.01)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[EmbeddedRedis]:
    """One real server for the whole run."""
    with real_redis() as server:
        yield server


def leaked_keys(client: redis.Redis) -> list[bytes]:
    """Return the keys that would stay for ever and may not."""
    return [
        key for key in client.scan_iter() if not keys.is_permanent(key) and client.ttl(key) == -1
    ]


@pytest.fixture
def redis_url(redis_server: EmbeddedRedis) -> Iterator[str]:
    """An empty Redis; afterwards every key in it has a TTL or is permanent by design."""
    client = admin(redis_server.url)
    client.flushall()
    yield redis_server.url
    leaks = leaked_keys(client)
    client.close()
    assert leaks == [], "keys without a TTL"


@pytest.fixture
async def link(redis_url: str) -> AsyncIterator[Link]:
    """A connected link."""
    link = Link(admin_address(redis_url), "test")
    await link.connect()
    yield link
    await link.close()


def page(port: int, path: str) -> tuple[int, str]:
    """Return status and body of a page; OSError while nothing answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@dataclass(frozen=True)
class RunningStack:
    """The local stack as separate processes."""

    port: int
    redis_url: str
    processes: "Sequence[subprocess.Popen[str] | Fork]"
    """`callscribe up`, or the services."""

    @property
    def url(self) -> str:
        """The native protocol's address."""
        return f"ws://127.0.0.1:{self.port}/ws/asr"

    def page(self, path: str) -> tuple[int, str]:
        """Return status and body of one of the gateway's pages."""
        return page(self.port, path)


@contextlib.contextmanager
def running_stack(redis_url: str, *flags: str) -> Iterator[RunningStack]:
    """Start `callscribe up` against a Redis and stop it again; it must end cleanly."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "callscribe", "up", "--redis-url", redis_url]
    command += ["--port", str(port), "--host", "127.0.0.1", "--drain-s", "5", *flags]
    # What a busy machine measures must not send tests away.
    env = {**os.environ, "CALLSCRIBE_ASR_LOAD": "0"}
    # Several of these run beside each other.
    env |= dict.fromkeys(usual_ports(), "none")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert "is ready" in line, f"the stack did not start: {line}"
        yield RunningStack(port, redis_url, [process])
        process.terminate()
        process.wait(20)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert process.returncode == 0


@contextlib.contextmanager
def forked_stack(redis_url: str, *flags: str) -> Iterator[RunningStack]:
    """Run what `callscribe up` would start, as forks; they must end cleanly, in its order."""
    (port,) = free_ports(1)
    where = ("--redis-url", redis_url, "--port", str(port), "--host", "127.0.0.1")
    env = {**os.environ, "CALLSCRIBE_ASR_LOAD": "0", **dict.fromkeys(usual_ports(), "none")}
    asked = Invocation.parse(stack_parser("up", ""), [*where, "--drain-s", "5", *flags], env)
    options = stack_options(asked)
    plans = lay_out(options.counts, options.env)
    running = [fork("callscribe", plan.service, env=plan.env) for plan in plans]
    try:
        until(lambda: all(plan.probe() is None for plan in plans))
        yield RunningStack(port, redis_url, running)
        gateway, *workers = running
        gateway.terminate()
        codes = [gateway.wait(20)]
        for each in workers:
            each.terminate()
        codes += [each.wait(20) for each in workers]
    finally:
        for each in running:
            each.kill()
    assert codes == [0] * len(running)


@pytest.fixture(scope="session")
def stack() -> Iterator[RunningStack]:
    """The default stack, shared by tests that leave it as they found it.

    It has the Redis of its own: other tests empty theirs.
    """
    with real_redis() as own, forked_stack(own.url) as stack:
        yield stack
