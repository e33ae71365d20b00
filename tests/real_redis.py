"""The Redis of the integration tests: open, or with users, or with users and TLS.

``TEST_REDIS=acl`` or ``TEST_REDIS=tls`` protects it. Each service then logs in as its own user, and
nothing that any of them did may have been refused. The password of a user is its name.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import redis

from bench.redis_server import PROTECTIONS, Guard, GuardedRedis, Protection, admin_url
from common.bus import acl
from common.redis.address import Address

PROTECTION = cast(Protection, os.environ.get("TEST_REDIS", "none"))
assert PROTECTION in PROTECTIONS, f"TEST_REDIS is one of {', '.join(PROTECTIONS)}"


@contextmanager
def real_redis(protection: Protection = PROTECTION) -> Iterator[GuardedRedis]:
    """Start a server and end it on leaving; nothing may have been refused by then."""
    with GuardedRedis(protection) as server:
        yield server
        assert server.denials() == [], "a service lacks a right"


def guard(directory: Path) -> Guard:
    """Return what protects a server that keeps its data in this directory."""
    return Guard(Path(tempfile.mkdtemp(prefix="guard-", dir=directory)), PROTECTION)


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
