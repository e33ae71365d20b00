"""Keys in a real Redis and in a file, as a gateway follows them."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from common.bus import commands
from common.errors import SettingsError
from common.pipeline.access import AccessKey, new_key
from common.redis.link import Link
from gateway.access.keyring import Keyring
from tests.integration.conftest import wait_until


def made() -> AccessKey:
    return new_key("acme", ["read"], 7).record


def kept(path: Path, *keys: AccessKey) -> None:
    path.write_text(json.dumps([key.described() for key in keys]))
    # Files of one size may be written within one tick of the clock.
    os.utime(path, ns=(time.monotonic_ns(), time.monotonic_ns()))


@asynccontextmanager
async def following(
    link: Link, file: Path | None, changed: Callable[[], None] = lambda: None
) -> AsyncIterator[Keyring]:
    keyring = Keyring(link, file, changed)
    await keyring.start()
    task = asyncio.create_task(keyring.run())
    yield keyring
    task.cancel()
    await asyncio.wait([task])


async def test_a_key_and_its_end_are_seen_within_a_second(link):
    key, changes = made(), 0

    def count() -> None:
        nonlocal changes
        changes += 1

    async with following(link, None, count) as keyring:
        assert not keyring
        await link.run(commands.keep_access_key(key.id, key.packed()))
        await wait_until(lambda: keyring.find(key.id) == key, "it is known", 1)
        await link.run(commands.keep_access_key(key.id, replace(key, revoked=9).packed()))
        await wait_until(lambda: keyring.find(key.id) != key, "its end is known", 1)
        assert changes == 2
    async with following(link, None) as another:
        assert another.find(key.id) == replace(key, revoked=9), "it is there from the start"


async def test_the_retention_of_a_tenant_follows_its_keys_in_redis_and_in_the_file(link, tmp_path):
    path, brief = tmp_path / "keys.json", replace(made(), retention_s=30)
    kept(path, replace(made(), retention_s=60))
    async with following(link, path) as keyring:
        assert keyring.retention_of("acme") == 60
        assert keyring.retention_of("other") == 0
        await link.run(commands.keep_access_key(brief.id, brief.packed()))
        await wait_until(lambda: keyring.retention_of("acme") == 30, "the shorter counts", 1)
        await link.run(commands.keep_access_key(brief.id, replace(brief, revoked=9).packed()))
        await wait_until(lambda: keyring.retention_of("acme") == 60, "it counts no more", 1)


async def test_a_redis_that_was_emptied_has_no_keys_and_opens_nothing(link):
    key = made()
    await link.run(commands.keep_access_key(key.id, key.packed()))
    async with following(link, None) as keyring:
        await link.run([("FLUSHALL",)])
        await wait_until(lambda: keyring.find(key.id) is None, "it is empty", 2)
        assert keyring, "a key is needed as before"


async def test_one_that_cannot_be_read_is_left_out(link):
    key = made()
    await link.run(commands.keep_access_key("broken", b"\xc1"))
    await link.run(commands.keep_access_key(key.id, key.packed()))
    async with following(link, None) as keyring:
        assert keyring.find(key.id) == key
        assert keyring.find("broken") is None


async def test_a_file_is_followed_and_half_of_one_changes_nothing(link, tmp_path):
    path, one, other = tmp_path / "keys.json", made(), made()
    kept(path, one)
    async with following(link, path) as keyring:
        assert keyring.find(one.id) == one
        path.write_text('[{"id": ')
        await asyncio.sleep(0.6)
        assert keyring.find(one.id) == one
        kept(path, other)
        await wait_until(lambda: keyring.find(other.id) == other, "it is known", 2)
        assert keyring.find(one.id) is None


async def test_the_file_is_followed_while_redis_is_away(link, tmp_path):
    path, one = tmp_path / "keys.json", made()
    kept(path, one)
    async with following(link, path) as keyring:
        await link.run([("CLIENT", "PAUSE", "3000", "ALL")])
        kept(path, replace(one, revoked=9))
        await wait_until(lambda: keyring.find(one.id) != one, "its end is known", 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "is no list of keys"),
        ("[", "--keys-file"),
        ('[{"id": "x"}]', "key 1: digest is missing"),
    ],
)
async def test_a_file_of_no_use_is_told_at_the_start(link, tmp_path, text, said):
    path = tmp_path / "keys.json"
    path.write_text(text)
    with pytest.raises(SettingsError, match=said):
        await Keyring(link, path, lambda: None).start()
    with pytest.raises(SettingsError, match="No such file"):
        await Keyring(link, tmp_path / "none", lambda: None).start()
