"""The Redis that a command works on: which one, and the connection to it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from common.bus.acl import OPERATOR
from common.redis.address import Address
from common.redis.link import Link
from common.secret_url import SecretUrl
from common.settings import CommonSettings, resolve


def redis_url(flag: str | None) -> SecretUrl:
    """Return the URL that the flag `--redis-url` gives, or else the settings."""
    given = [] if flag is None else ["--redis-url", flag]
    settings, _ = resolve(CommonSettings, given, os.environ)
    return settings.redis_url


@asynccontextmanager
async def connected(url: str, name: str) -> AsyncIterator[Link]:
    """Connect under a name, and close. Raises BusUnavailable."""
    link = Link(Address.parse(url, OPERATOR), name)
    try:
        await link.connect()
        yield link
    finally:
        await link.close()
