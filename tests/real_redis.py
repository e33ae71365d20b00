"""The Redis of the integration tests, with a user for each service, and TLS where it can.

Each service logs in as its own user, and nothing that any of them did may have been refused. The
password of a user is its name. The server in the wheel has no TLS, that of Debian has.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import redis

from bench.redis_server import Guard, GuardedRedis, Protection, admin_url
from common.bus import acl
from common.errors import Unavailable
from common.redis.address import Address


@cache
def protection() -> Protection:
    """Return the most that this machine's server can do."""
    try:
        with GuardedRedis("tls"):
            return "tls"
    except Unavailable:
        return "acl"


@contextmanager
def real_redis(protected: Protection | None = None) -> Iterator[GuardedRedis]:
    """Start a server and end it on leaving; nothing may have been refused by then."""
    with GuardedRedis(protected or protection()) as server:
        yield server
        assert server.denials() == [], "a service lacks a right"


def guard(directory: Path) -> Guard:
    """Return what protects a server that keeps its data in this directory."""
    return Guard(Path(tempfile.mkdtemp(prefix="guard-", dir=directory)), protection())


def admin(url: str) -> redis.Redis:
    """Return a client that may do everything at one of these servers."""
    return redis.Redis.from_url(admin_url(url))


def admin_address(url: str) -> Address:
    """Return where a link may do everything."""
    return Address.parse(url, acl.ADMIN.name)


def add_users(client: redis.Redis, passwords: Path) -> None:
    """Add the users of all services to a running server; write their passwords."""
    for user in acl.users():
        (passwords / user.name).write_text(user.name)
        rights = ("reset", "on", f">{user.name}", *user.rules)
        client.execute_command("ACL", "SETUSER", user.name, *rights)
