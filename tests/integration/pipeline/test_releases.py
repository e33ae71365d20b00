"""Processes of several releases on one Redis: calls pass between those of one wire version."""

from collections.abc import Iterator
from pathlib import Path

import msgpack
import pytest
import redis

from callscribe.local.embedded_redis import EmbeddedRedis
from common.bus import keys
from common.pipeline.record import WIRE_VERSION
from tests.integration.callscribe.processes import until
from tests.integration.conftest import wait_until
from tests.integration.pipeline import trees
from tests.integration.pipeline.calls import FINALIZE, config, converse
from tests.integration.pipeline.resuming import (
    TELLS_SPEECH,
    CutCall,
    cut,
    facts,
    gateway,
    numbers,
    talk_messages,
    workers,
)
from tests.integration.pipeline.services import service

OPENING = config(**TELLS_SPEECH)
SCRIPT = [*talk_messages(3), FINALIZE]


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of the next minor release."""
    return trees.next_release(tmp_path_factory.mktemp("later"))


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of the last release of wire version 1."""
    tree = trees.release_before(tmp_path_factory.mktemp("before"))
    if tree is None:
        pytest.skip("the history of this checkout does not reach the release before")
    return tree


@pytest.fixture
def own_redis() -> Iterator[EmbeddedRedis]:
    """A Redis without any worker."""
    with EmbeddedRedis() as own:
        yield own


def releases(client: redis.Redis, kind: str) -> set[str]:
    """Return the releases in the heartbeats of a kind of process."""
    reports = client.hgetall(keys.workers(kind))
    assert isinstance(reports, dict)
    return {msgpack.unpackb(report).get("release") for report in reports.values()}


async def test_a_call_goes_through_processes_of_two_minor_releases(
    bus_url: str, bus: redis.Redis, later: Path, own_redis: EmbeddedRedis
):
    with gateway(bus_url) as ours:
        undisturbed = await converse(ours.url, OPENING, *SCRIPT)
    with (
        workers(own_redis.url) as vad,
        gateway(own_redis.url) as ours,
        gateway(own_redis.url, tree=later) as theirs,
    ):
        call = CutCall(OPENING, SCRIPT)
        third = len(SCRIPT) // 3
        async with call.opened(ours.url) as client:
            await client.say(*call.script[:third])
            cut(client)
        # The other release's workers take over from a checkpoint of ours.
        with workers(own_redis.url, tree=later):
            await client_of_both(call, theirs.url, third)
            vad.kill()
            async with call.back(ours.url) as client:
                await client.say(*call.rest)
                transcript = await client.hear_out()
            seen = redis.Redis.from_url(own_redis.url)
            until(lambda: "99.0.0" in releases(seen, "vad") & releases(seen, "asr"))
            assert releases(seen, "gateway") > {"99.0.0"}
            seen.close()
    assert facts(transcript) == facts(undisturbed)
    assert numbers(transcript) == numbers(undisturbed)


async def client_of_both(call: CutCall, url: str, count: int) -> None:
    """Send a part of a call to a gateway, and leave it."""
    async with call.back(url) as client:
        await client.say(*call.rest[:count])
        cut(client)


async def test_a_release_of_another_wire_version_is_refused_with_a_sentence(
    own_redis: EmbeddedRedis, before: Path, tmp_path: Path
):
    with service("vad", own_redis.url, tree=before) as old:
        old.wait_ready()
        for name in ("gateway", "vad"):
            with (tmp_path / name).open("w+b") as log:
                with service(name, own_redis.url, stderr=log) as ours:
                    assert ours.process.wait(30) == 1
                log.seek(0)
                said = log.read().decode()
            assert said.startswith(f"callscribe {name}: this is release ")
            told = f"(wire version {WIRE_VERSION}), and this Redis has 1 vad of wire version 1;"
            assert told in said
            assert "Traceback" not in said
        old.end()
    with service("vad", own_redis.url) as ours:
        ours.wait_ready()


async def test_a_release_of_another_wire_version_that_comes_later_touches_no_call(
    own_redis: EmbeddedRedis, before: Path
):
    with workers(own_redis.url), gateway(own_redis.url) as ours:
        undisturbed = await converse(ours.url, OPENING, *SCRIPT)
        with (
            service("vad", own_redis.url, tree=before) as old,
            service("gateway", own_redis.url, tree=before) as old_gateway,
        ):
            old.wait_ready()
            until(lambda: old_gateway.page("/ready") == (503, "no live worker: asr\n"))
            transcript = await converse(ours.url, OPENING, *SCRIPT)
            assert ours.page("/ready")[0] == 200
    assert facts(transcript) == facts(undisturbed)
    with redis.Redis.from_url(own_redis.url) as seen:
        old_keys = [key for key in seen.scan_iter("cs:v1:*") if key != keys.workers("vad", 1)]
    assert not [key for key in old_keys if b":p" in key or b":dead" in key]


async def test_a_gateway_without_workers_names_those_that_it_ignores(
    own_redis: EmbeddedRedis, before: Path
):
    with service("gateway", own_redis.url) as ours:
        until(lambda: ours.page("/ready")[0] == 503)
        with service("vad", own_redis.url, tree=before) as old:
            old.wait_ready()
            await wait_until(lambda: "ignored" in ours.page("/ready")[1], "it is seen")
            assert ours.page("/ready")[1].strip() == (
                "no live worker: vad, asr; 1 vad of wire version 1 ignored:"
                f" this gateway has wire version {WIRE_VERSION}"
            )
