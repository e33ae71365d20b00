"""Of an erased call Redis has not a byte left: no name, no word and no sample.

Not in its memory, and after a rewrite not in its file either.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias, cast

import aiohttp
import pytest
import redis

from common.bus import keys
from common.bus.dead_letters import dead_letter, letters
from common.bus.keys import Leg
from common.bus.offers import offer
from common.pipeline.work import TextWork
from common.redis.link import Link
from tests.integration.conftest import wait_until
from tests.integration.pipeline.calls import (
    FINALIZE,
    FLUSH,
    clip,
    config,
    converse,
    line,
    messages,
    pcm16,
    sentence,
)
from tests.integration.pipeline.services import LastingRedis, Service, lasting_redis, service
from tests.real_redis import admin, admin_address

Entries: TypeAlias = list[tuple[bytes, dict[bytes, bytes]]]

NAME, LABEL, KEYWORD = "case-zyxgate", "Miss Quillfeather", "Bramblewick"
SAID = "quick brown fox"
RARE = 16
"""Values that 64 bytes have at least which are speech, or of a model's memory."""
TEXT = TextWork(
    utterance=9,
    digest="0123",
    source="audio",
    start=0,
    end=16_000,
    text=f"The {SAID}",
    language="English",
    gateway="gw",
)


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[LastingRedis]:
    with lasting_redis(tmp_path) as own:
        yield own


@pytest.fixture
def gateway(bus: LastingRedis) -> Iterator[Service]:
    with ExitStack() as services:
        running = [
            services.enter_context(service(each, bus.url))
            for each in ("denoise", "vad", "asr", "gateway")
        ]
        for each in running:
            each.wait_ready()
        yield running[-1]


def found_in(content: bytes, sought: Mapping[str, bytes]) -> set[str]:
    return {what for what, each in sought.items() if each in content}


def in_memory(client: redis.Redis, sought: Mapping[str, bytes]) -> set[str]:
    """Return what is in a key, or in its name."""
    found = set()
    for key in client.scan_iter(count=1000):
        dumped = client.dump(key) or b""
        found |= {f"{what} in {key!r}" for what in found_in(key + b" " + dumped, sought)}
    return found


def in_files(directory: Path, sought: Mapping[str, bytes]) -> set[str]:
    """Return what is in the append-only file."""
    return {
        f"{what} in {path.name}"
        for path in directory.glob("appendonlydir/*")
        for what in found_in(path.read_bytes(), sought)
    }


def of_the_denoiser(client: redis.Redis, leg: Leg) -> dict[str, bytes]:
    """Return a piece of what a denoiser wrote, and of what its successor would read."""
    streams = {"clean": leg.key("clean"), "checkpoint": leg.key("ckpt:denoise")}
    read = {what: cast(Entries, client.xrange(key)) for what, key in streams.items()}
    return {what: piece(entries) for what, entries in read.items()}


def piece(entries: Entries) -> bytes:
    """Return those 64 bytes that have the most values, so that they are nowhere else by chance.

    Silence, which comes first, is everywhere: nothing is returned while there is only that.
    """
    values = [value for _, entry in entries for value in entry.values()]
    pieces = (value[at : at + 64] for value in values for at in range(0, len(value) - 64, 32))
    found = max(pieces, key=lambda part: len({*part}), default=b"")
    return found if len({*found}) >= RARE else b""


def kinds(found: set[str]) -> set[str]:
    return {each.partition(" in ")[0] for each in found}


def rewritten(client: redis.Redis) -> bool:
    facts = client.info("persistence")
    busy = ("aof_rewrite_in_progress", "aof_rewrite_scheduled", "rdb_bgsave_in_progress")
    return not any(facts[each] for each in busy)


async def in_new_files(
    client: redis.Redis, directory: Path, sought: Mapping[str, bytes]
) -> set[str]:
    """Return what is in the append-only file after a rewrite."""
    client.bgrewriteaof()
    await wait_until(lambda: rewritten(client), "the file is rewritten", 30)
    return in_files(directory, sought)


@pytest.mark.parametrize("denoise", [False, True], ids=["", "denoised"])
@pytest.mark.timeout(180)
async def test_nothing_of_an_erased_call_is_left(
    bus: LastingRedis, gateway: Service, tmp_path: Path, denoise: bool
):
    client, link = admin(bus.url), Link(admin_address(bus.url), "test")
    await link.connect()
    client.config_set("rdbcompression", "no")  # in dumps and in the file: bytes are to be seen
    spoken = pcm16(sentence())
    loud = len(spoken) // 4 * 2
    own = config(
        conversation_id=NAME,
        channel_labels=[LABEL],
        keywords=[KEYWORD],
        words=True,
        denoise=denoise,
    )
    async with line(gateway.url) as neighbour, line(gateway.url) as speaker:
        await neighbour.say(config())
        await neighbour.hear("session_created")
        await speaker.say(own)
        await speaker.hear("session_created")
        session = speaker.transcript.session
        await speaker.say(*messages(sentence()), FLUSH, pace=0.1)
        await speaker.hear("final")
        await speaker.say(*messages(sentence()))
        await wait_until(lambda: client.exists(Leg(session, 0).key("audio")), "audio is stored")
        leg, other = Leg(session, 0), Leg(neighbour.transcript.session, 0)
        for each in (leg, other):
            item = replace(TEXT, text=TEXT.text if each is leg else "something else")
            letter = dead_letter(
                "asr",
                b"1-0" if each is leg else b"2-0",
                f"{each}/7",
                b"a work item",
                reason="why",
                worker="w",
                attempts=1,
                audio=spoken[loud : loud + 400] if each is leg else bytes(400),
            )
            await link.evaluate([offer("align", f"{each}/9/0123", item), letter])
        sought = {
            "session": session.encode(),
            "text": SAID.encode(),
            "label": LABEL.encode(),
            "keyword": KEYWORD.encode(),
            "audio": spoken[loud : loud + 64],
        }
        async with asyncio.timeout(20):  # checkpoints follow each other as long as there is audio
            while True:
                sought |= of_the_denoiser(client, leg) if denoise else {}
                if all(sought.values()) and kinds(in_memory(client, sought)) == sought.keys():
                    break
                await asyncio.sleep(0.2)
        assert kinds(in_files(tmp_path, sought)) == sought.keys()
        async with (
            aiohttp.ClientSession() as http,
            http.delete(f"http://127.0.0.1:{gateway.port}/v1/sessions/{NAME}") as answer,
        ):
            assert answer.status == 200
        assert (await speaker.hear_out()).errors == ["erased"]
        left = {"nothing was looked for yet"}
        try:
            async with asyncio.timeout(60):  # workers may begin what they do not know to be erased
                while left:
                    await asyncio.sleep(0.5)
                    left = in_memory(client, sought) or await in_new_files(client, tmp_path, sought)
        except TimeoutError:
            assert left == set()
        assert client.hkeys(keys.index("align")) == [f"{other}/9/0123".encode()]
        (left_over,) = await letters(link, "asr")
        assert left_over.key == f"{other}/7"
        assert client.xlen(keys.dead_contents("asr")) == 1
        await neighbour.say(*messages(clip("hello_world")), FINALIZE)
        assert (await neighbour.hear_out()).texts
    told = await converse(gateway.url, config(), *messages(sentence()), FINALIZE)
    assert SAID in told.texts[0]
    client.delete(keys.work_items("align"), keys.index("align"))
    await link.close()
    client.close()
