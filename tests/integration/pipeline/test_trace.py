"""Where the time of a final went: the trace against what its client measured."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from itertools import pairwise
from statistics import median
from typing import Any

import pytest
import redis

from callscribe.client import connect
from callscribe.client.latency import Latencies
from callscribe.client.options import Options
from common.audio import SAMPLE_RATE
from tests.integration.conftest import RunningStack, page
from tests.integration.pipeline.calls import (
    FINALIZE,
    FLUSH,
    config,
    converse,
    line,
    messages,
    pcm16,
    said,
    sentence,
    split,
)
from tests.integration.pipeline.resuming import TELLS_SPEECH, CutCall, cut, gateway, resume, talk

MESSAGE = 320
_ALLOWED = 0.05
"""Seconds that a busy machine may take to wake the client, and between two stamps of one moment."""

Utterance = Mapping[str, Any]


async def trace(port: int, session: str, sent: int) -> list[Utterance]:
    """Return the utterances of a trace once `sent` of them are known to have been sent."""
    async with asyncio.timeout(10):
        while True:
            status, body = await asyncio.to_thread(page, port, f"/v1/sessions/{session}/trace")
            assert status == 200
            utterances: list[Utterance] = json.loads(body)["utterances"]
            if sum(each["stamps"]["sent"] is not None for each in utterances) >= sent:
                return utterances
            await asyncio.sleep(0.05)


def in_order(stamps: Mapping[str, float | None]) -> bool:
    """Whether the stamps of one machine follow each other, a tentative decode left out."""
    names = ("spoken", "received", "stored", "denoised", "heard", "endpoint", "committed", "sent")
    known = [at for name in names if (at := stamps[name]) is not None]
    return all(a <= b + _ALLOWED for a, b in pairwise(known))


@pytest.mark.parametrize("denoise", [False, True])
async def test_the_parts_are_what_the_client_measured(stack: RunningStack, denoise: bool):
    """From sending the audio that decided the endpoint to receiving the final."""
    audio, latencies = said(sentence(), 0.7, sentence(), 0.7, sentence(), 0.7), Latencies()
    asked = Options(
        encoding="pcm16",
        sample_rate=SAMPLE_RATE,
        words=True,
        denoise=denoise or None,
        events=("speech_ended",),
    )

    async def spoken() -> AsyncIterator[bytes]:
        began, sent = time.monotonic(), 0
        for message in split(pcm16(audio), 2 * MESSAGE):
            sent += len(message) // 2
            await asyncio.sleep(max(0.0, began + sent / SAMPLE_RATE - time.monotonic()))
            latencies.sending.sent(sent / SAMPLE_RATE, time.monotonic())
            yield message

    async with connect(stack.url, asked) as call:
        measured = [
            latency
            async for event in call.transcribe(spoken())
            if (latency := latencies.note(event, time.monotonic()).get("endpoint_to_final"))
        ]
    told = [each for each in await trace(stack.port, call.session_id, 3) if each["text_length"]]
    assert len(told) == len(measured) == 3
    for each in told:
        stamps = each["stamps"]
        assert in_order(stamps)
        assert {name for name, at in stamps.items() if at is None} == (
            set() if denoise else {"denoised"}
        )
        parts = {part["part"]: part["ms"] for part in each["parts"]}
        assert round(sum(parts.values()), 1) == round(1e3 * (stamps["sent"] - stamps["spoken"]), 1)
        assert all(each["workers"][stage] for stage in ("gateway", "vad", "asr"))
        assert bool(each["workers"]["denoise"]) is denoise
        received = [word["received"] for word in each["words"]]
        assert received == sorted(received)
        assert received[-1] <= stamps["received"] + _ALLOWED
    delays = [each["stamps"]["sent"] - each["stamps"]["received"] for each in told]
    assert median(abs(a - b) for a, b in zip(measured, delays, strict=True)) < _ALLOWED


async def test_a_tentative_decode_lies_before_the_endpoint_and_costs_nothing(bus_url: str):
    with gateway(bus_url) as only:
        audio = messages(talk(2))
        transcript = await converse(only.url, config(**TELLS_SPEECH), *audio, FINALIZE, pace=0.1)
        first, *_ = await trace(only.port, transcript.session, len(transcript.finals))
    stamps = first["stamps"]
    assert first["reason"] == "silence"
    assert stamps["spoken"] < stamps["decode_begun"] <= stamps["decode_ended"] < stamps["endpoint"]
    parts = {part["part"]: part["ms"] for part in first["parts"]}
    assert parts["decode"] == parts["queue"] == 0.0


async def test_a_flush_is_counted_from_when_it_came(bus_url: str):
    with gateway(bus_url) as only:
        async with line(only.url) as client:
            await client.say(config(interim_results=False), *messages(sentence()), pace=0.1)
            before = time.time()
            await client.say(FLUSH)
            await client.hear("final")
            (told,) = await trace(only.port, client.transcript.session, 1)
            await client.say(FINALIZE)
            await client.hear_out()
    assert told["reason"] == "flush"
    assert told["stamps"]["received"] >= before - 0.01
    assert in_order(told["stamps"])


async def test_a_call_that_moves_has_one_entry_per_final(bus_url: str, bus: redis.Redis):
    """The client asks for every final again, and the first gateway's stamps stay."""
    call = CutCall(config(**TELLS_SPEECH), [*messages(talk(2)), FINALIZE])
    with gateway(bus_url) as first, gateway(bus_url) as second:
        async with call.opened(first.url) as client:
            middle = 2 * len(call.script) // 3
            await client.say(*call.script[:middle], pace=0.1)
            told = [await client.hear("final")]
            before = await trace(first.port, call.session, 1)
            cut(client)
        async with line(f"{second.url}?resume=1") as client:
            await client.say(resume(call.token, 0))
            call.resumed.append(await client.hear("session_created"))
            await client.say(*call.rest)
            told = [each for each in (await client.hear_out()).finals if each["seq"]]
            after = await trace(second.port, call.session, len(told))
        assert [each["seq"] for each in after] == [each["seq"] for each in told]
        assert after[0]["stamps"] == before[0]["stamps"]
        assert after[0]["workers"]["gateway"] != after[-1]["workers"]["gateway"]
        (key,) = bus.scan_iter(f"*{call.session}:trace")
        assert bus.xlen(key) == len(told)


async def test_a_gateway_that_dies_takes_stamps_with_it_and_no_final(bus_url: str):
    call = CutCall(config(**TELLS_SPEECH), [*messages(talk(2)), FINALIZE])
    with gateway(bus_url) as first, gateway(bus_url) as second:
        async with call.opened(first.url) as client:
            await client.say(*call.script[: len(call.script) // 2], pace=0.1)
            first.kill()
        async with call.back(second.url) as client:
            await client.say(*call.rest)
            transcript = await client.hear_out()
        told = await trace(second.port, call.session, len(transcript.finals))
    assert {each["utterance"] for each in told} == {f["utterance"] for f in transcript.finals}
    assert all(each["stamps"]["committed"] for each in told)
