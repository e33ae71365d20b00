"""The configuration that docs/redis.md shows works, with the users that the command prints."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import redis

from bench.redis_server import GuardedRedis
from common.bus import keys
from common.errors import NotPermitted, Unavailable
from common.redis.address import Address
from common.redis.link import Link
from gateway.tls.keeping import kept
from tests.documents import block
from tests.integration.common.server import Server

PAGE = "docs/redis.md"


@pytest.fixture
def passwords(tmp_path: Path) -> Path:
    """What the command makes: passwords, and the users beside them."""
    line = block(PAGE, "callscribe redis-acl").replace("/etc/callscribe/redis", "passwords")
    program, *command, sign, target = line.split()
    assert (program, sign) == ("callscribe", ">")
    with (tmp_path / target).open("w") as file:
        run = [sys.executable, "-m", program, *command]
        subprocess.run(run, cwd=tmp_path, stdout=file, check=True)
    return tmp_path / "passwords"


def shown(first: str, directory: Path, **replaced: str) -> Sequence[str]:
    """Return the lines of a block as flags, with the files of this directory."""
    text = block(PAGE, first).replace("/etc/redis", str(directory))
    for placeholder, value in replaced.items():
        text = text.replace(f"<what the file {placeholder} holds>", value)
    lines = [line.split(maxsplit=1) for line in text.strip().splitlines()]
    return [part for name, value in lines for part in (f"--{name}", value)]


def url(first: str, port: int, directory: Path) -> str:
    name, _, address = block(PAGE, first).strip().partition("=")
    assert name == "CALLSCRIBE_REDIS_URL"
    return (
        address.replace("redis.internal:6379", f"127.0.0.1:{port}")
        .replace("/etc/callscribe/redis", str(directory / "passwords"))
        .replace("/etc/callscribe/ca.pem", str(directory / "ca.pem"))
    )


async def check_rights(where: str) -> None:
    """Log in as the gateway, and try what it may and what it may not."""
    link = Link(Address.parse(where, "gateway"), "test")
    await link.connect()
    assert await link.call("ZCARD", keys.sessions()) == 0
    with pytest.raises(NotPermitted):
        await link.call("CONFIG", "GET", "*")
    await link.close()


class Documented(Server):
    """A server with the users of the page; with `ca`, it serves TLS on its port."""

    def __init__(self, directory: Path, passwords: Path, ca: Path | None = None) -> None:
        super().__init__(directory)
        self._options += shown("aclfile", directory, replica=(passwords / "replica").read_text())
        admin = f"admin:{(passwords / 'admin').read_text().strip()}@127.0.0.1:{self.port}"
        where = f"redis://{admin}"
        if ca is not None:
            flags = shown("port 0", directory)
            self._options += [str(self.port) if each == "6379" else each for each in flags]
            self._options += ["--tls-auth-clients", "no"]
            where = f"rediss://{admin}?ssl_ca_certs={ca}"
        self.client = redis.Redis.from_url(where)


async def test_services_find_their_passwords(tmp_path: Path, passwords: Path):
    with Documented(tmp_path, passwords) as server:
        await check_rights(url("CALLSCRIBE_REDIS_URL=redis:", server.port, tmp_path))
        assert server.client.acl_whoami() == "admin"
        assert server.client.config_get("masteruser") == {"masteruser": "replica"}


async def test_redis_serves_tls(tmp_path: Path, passwords: Path):
    try:
        with GuardedRedis("tls"):
            pass
    except Unavailable:
        pytest.skip("the Redis of this machine has no TLS")
    ca = tmp_path / "ca.pem"
    ca.write_bytes(kept(tmp_path, ["127.0.0.1"]).pem)
    with Documented(tmp_path, passwords, ca) as server:
        await check_rights(url("CALLSCRIBE_REDIS_URL=rediss", server.port, tmp_path))
