"""A real Redis, a real stack, and the proof that neither is left dirty."""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import pytest
import redis

from callscribe.commands.stack_flags import usual_ports
from callscribe.local.child import free_ports
from callscribe.local.embedded_redis import EmbeddedRedis
from common.bus import keys
from common.redis.link import Link
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
    process: "subprocess.Popen[str]"

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
        yield RunningStack(port, redis_url, process)
        process.terminate()
        process.wait(20)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert process.returncode == 0


@pytest.fixture(scope="session")
def stack() -> Iterator[RunningStack]:
    """The default stack, shared by tests that leave it as they found it.

    It has the Redis of its own: other tests empty theirs.
    """
    with real_redis() as own, running_stack(own.url) as stack:
        yield stack
