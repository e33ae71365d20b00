"""What a call wants hidden is found nowhere: not on disk, in messages, in logs or on pages."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.audio import SAMPLE_RATE, FloatArray
from common.options import Redacted
from tests.integration.callscribe.processes import until
from tests.integration.pipeline.calls import FINALIZE, Transcript, config, line, messages, said
from tests.integration.pipeline.scripted_asr import SCRIPT, WORD_S
from tests.integration.pipeline.services import LastingRedis, Service, lasting_redis, service
from tests.real_redis import admin

ALL: tuple[Redacted, ...] = ("numbers", "pci", "phone", "ssn", "iban", "email")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NUMBERS = ("4556737586899855", "078051120", "5550199472")
NAMES = (b"zebediah", b"wintergreen")
_PART = 6
"""Digits of a secret that are found in any grouping."""
_SPOKEN_PART = 3
"""Words of a secret that are found."""


def noise(seconds: float) -> FloatArray:
    loud = np.random.default_rng(7).uniform(-0.3, 0.3, round(seconds * SAMPLE_RATE))
    return loud.astype(np.float32)


def traces(data: bytes) -> set[str]:
    """Return what is to be seen of the secrets in bytes, in figures or in words."""
    found = {name.decode() for name in NAMES if name in data.lower()}
    for number in NUMBERS:
        for at in range(len(number) - _PART + 1):
            part = number[at : at + _PART]
            # A timestamp or a position has no signs between its digits, and is longer.
            apart = rb"[ ,-]{1,2}?".join(part[i : i + 1].encode() for i in range(_PART))
            together = rb"(?<![0-9.])" + number.encode() + rb"(?![0-9])"
            if re.search(apart, data) or re.search(together, data):
                found.add(part)
        for at in range(len(number) - _SPOKEN_PART + 1):
            words = [DIGITS[int(digit)] for digit in number[at : at + _SPOKEN_PART]]
            for zero in ("zero", "oh"):
                spoken = " ".join(words).replace("zero", zero)
                if spoken.encode() in data.lower():
                    found.add(spoken)
    if b"9 4 7" in data:
        found.add("9 4 7")
    return found


@contextmanager
def process(*command: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    flags = ("--log-level", "debug", "--lease-s", "2", "--heartbeat-s", "0.3")
    with log.open("ab") as out:
        running = subprocess.Popen([sys.executable, "-m", *command, *flags], env=env, stderr=out)
    try:
        yield running
    finally:
        if running.poll() is None:
            running.terminate()
            running.wait(20)


async def call(url: str, kill: subprocess.Popen[bytes], **options: object) -> Transcript:
    """Say the whole script, and kill a recogniser in the middle of a card's number."""
    async with line(url) as client:
        await client.say(config(language="English", words=True, **options))
        await client.hear("session_created")
        for number, text in enumerate(SCRIPT):
            audio = [*messages(said(noise(WORD_S * len(text.split())), 1.0))]
            await client.say(*audio[: len(audio) // 2], pace=0.05)
            if number == 1:
                await client.hear("partial")
                kill.kill()
                kill.wait()
            await client.say(*audio[len(audio) // 2 :], pace=0.05)
            await client.hear("final")
        await client.say(FINALIZE)
        return await client.hear_out()


def stored(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file())


@contextmanager
def system(directory: Path) -> Iterator[tuple[str, LastingRedis, subprocess.Popen[bytes]]]:
    """Run a gateway, a VAD and two recognisers; yield the first of these, which may be killed."""
    with ExitStack() as stack:
        redis = stack.enter_context(lasting_redis(directory / "redis"))
        where = ("--redis-url", redis.url)
        log = directory / "logs"
        out = stack.enter_context(log.open("ab"))
        debug = ("--log-level", "debug")
        gateway = stack.enter_context(service("gateway", redis.url, *debug, stderr=out))
        stack.enter_context(process("bench.dummies", "vad", *where, log=log))
        recogniser = ("tests.integration.pipeline.scripted_asr", *where)
        first = stack.enter_context(process(*recogniser, log=log))
        stack.enter_context(process(*recogniser, log=log))
        gateway.wait_ready()
        until(lambda: _status(gateway)["stages"]["asr"]["workers"] == 2)
        yield gateway.url, redis, first


def _status(gateway: Service) -> Any:
    return json.loads(gateway.page("/ws/status")[1])


def everything(directory: Path, redis: LastingRedis, transcript: Transcript) -> dict[str, bytes]:
    """Return all there is to be read of a call, by where it is."""
    with admin(redis.url) as client:
        keys = [(key, client.dump(key)) for key in client.keys("*")]
    return {
        "disk": stored(directory / "redis"),
        "keys": b" ".join(part for pair in keys for part in pair if part),
        "messages": repr(transcript.messages).encode(),
        "logs": (directory / "logs").read_bytes(),
    }


@pytest.mark.parametrize("numbers", ["engine", "grouped"])
async def test_nothing_of_a_secret_is_left_anywhere(tmp_path: Path, numbers: str):
    (tmp_path / "redis").mkdir()
    with system(tmp_path) as (url, redis, victim):
        transcript = await call(url, victim, redact=[*ALL], numbers=numbers)
        found = {
            where: traces(data) for where, data in everything(tmp_path, redis, transcript).items()
        }
    assert found == {"disk": set(), "keys": set(), "messages": set(), "logs": set()}
    assert b"decode.failed" not in (tmp_path / "logs").read_bytes()
    assert transcript.errors == []
    texts = transcript.texts
    assert len(texts) == len(SCRIPT)
    assert texts[0] == SCRIPT[0]
    assert texts[1] == "my card number is [CREDIT_CARD] and that is all"
    assert {kind for final in transcript.finals for kind in final.get("redacted", {})} == {
        *("credit_card", "number", "cvv", "email", "ssn", "phone")
    }
    for final in filter(lambda final: final["text"], transcript.finals):
        assert [word["word"] for word in final["words"]] == final["text"].split()
    _check_partials(transcript)


async def test_the_same_search_finds_the_secrets_of_a_call_that_hides_nothing(tmp_path: Path):
    (tmp_path / "redis").mkdir()
    with system(tmp_path) as (url, redis, victim):
        transcript = await call(url, victim)
        found = everything(tmp_path, redis, transcript)
        wanted = traces(" ".join(SCRIPT).encode())
    assert len(wanted) > 20
    assert traces(found["messages"]) >= wanted
    assert traces(found["disk"]) >= wanted
    assert traces(found["keys"])
    assert transcript.texts == [*SCRIPT]


def _check_partials(transcript: Transcript) -> None:
    """Check that what was stable stays, over the recogniser's death too."""
    shown: dict[int, str] = {}
    partials: Sequence[dict[str, object]] = transcript.of("partial")
    assert len({each["utterance"] for each in partials}) == len(SCRIPT)
    for each in partials:
        text, utterance = str(each["text"]), int(str(each["utterance"]))
        assert text.startswith(shown.get(utterance, ""))
        shown[utterance] = text[: int(str(each["stable"]))]
    for final in transcript.finals:
        assert final["text"].startswith(shown.get(final["utterance"], ""))
