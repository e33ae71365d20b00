"""What an operator sees of dead letters; utterances come back in asr_worker/test_poison.py."""

import asyncio
import json

import msgpack
import pytest

from callscribe.commands.letters import replay, show
from common.bus import dead_letters, keys
from common.bus.keys import Leg
from common.errors import SettingsError
from common.options import SessionOptions
from common.pipeline.record import WIRE_VERSION, pack
from common.pipeline.stages import NAMES
from common.pipeline.work import UtteranceWork

CALL = Leg("call", 1)
UTTERANCE = pack(
    UtteranceWork(
        utterance=4,
        start=16_000,
        source="audio",
        gateway="gw",
        options=SessionOptions(),
        live=True,
    )
)


async def file(link, stage, key, body, audio=b""):
    letter = dead_letters.dead_letter(
        stage, b"7-0", key, body, reason="why", worker="host-1", attempts=3, audio=audio
    )
    await link.evaluate([letter])
    (filed,) = await dead_letters.letters(link, stage)
    return f"{stage}/{filed.id}"


async def test_none_are_none(redis_url, capsys):
    assert await show(redis_url, NAMES, as_json=False) == 0
    assert await replay(redis_url, []) == 0
    output, errors = capsys.readouterr()
    assert (output, errors) == ("", "no dead letters\n")


async def test_letters_are_listed_by_age_with_where_they_come_from(link, redis_url, capsys):
    utterance = await file(link, "asr", "call.1/4", UTTERANCE)
    await asyncio.sleep(0.002)  # their age is in milliseconds
    leg = await file(link, "vad", "call.1", b"unreadable")
    assert await show(redis_url, NAMES, as_json=True) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first.pop("time").endswith("+00:00")
    assert first == {
        **{"id": utterance, "stage": "asr", "session": "call", "channel": 1, "utterance": 4},
        **{"attempts": 3, "worker": "host-1", "reason": "why"},
    }
    assert (second["id"], second["utterance"]) == (leg, None)
    assert await show(redis_url, ["asr"], as_json=False) == 0
    head, *rest = capsys.readouterr().out.splitlines()
    assert head.startswith(f"{utterance}  2")
    assert head.endswith("call call.1  utterance 4")
    assert rest == ["    3 attempts, the last by host-1", "    why"]


async def test_a_leg_is_offered_again_while_its_call_lasts(link, redis_url, capsys):
    letter = await file(link, "vad", str(CALL), b"body")
    assert await replay(redis_url, [letter]) == 1
    assert capsys.readouterr().err == f"{letter}: not replayed: its call is over\n"
    await link.insist(
        [("HSET", CALL.meta, "session", b"", "secret", b""), ("EXPIRE", CALL.meta, 60)]
    )
    assert await replay(redis_url, [letter]) == 0
    assert capsys.readouterr().out == f"{letter}  call.1  offered again\n"
    ((_, fields),) = await link.call("XRANGE", keys.work_items("vad"), "-", "+")
    assert fields == [b"k", b"call.1", b"p", b"body"]
    assert await dead_letters.letters(link, "vad") == []


@pytest.mark.parametrize(
    ("body", "audio", "why"),
    [
        (UTTERANCE, b"", "its audio is not kept"),
        (b"\x81\xa1v\x63", b"\0\0", "this release cannot read it"),
        (msgpack.packb({"v": WIRE_VERSION}), b"\0\0", "this release cannot read it"),
        (UTTERANCE, b"\0\0", "no asr worker is running"),
    ],
)
async def test_an_utterance_that_cannot_be_tried_again_stays(
    link, redis_url, capsys, body, audio, why
):
    letter = await file(link, "asr", "call.1/4", body, audio)
    assert await replay(redis_url, []) == 1
    assert capsys.readouterr().err == f"{letter}: not replayed: {why}\n"
    assert len(await dead_letters.letters(link, "asr")) == 1


async def test_a_letter_whose_contents_have_expired_stays(link, redis_url, capsys):
    letter = await file(link, "asr", "call.1/4", UTTERANCE, b"\0\0")
    await link.call("DEL", keys.dead_contents("asr"))
    assert await replay(redis_url, []) == 1
    assert (
        capsys.readouterr().err == f"{letter}: not replayed: its work item is not kept any more\n"
    )


async def test_a_letter_that_is_not_there_is_misuse(redis_url):
    with pytest.raises(SettingsError, match="no dead letter 'asr/1-0'"):
        await replay(redis_url, ["asr/1-0"])
