"""Speakers of one channel told apart on a real stack, the same for everyone who is told."""

import io
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

import aiohttp
import numpy as np
import pytest
import websockets.asyncio.client as ws

from bench.recordings import channels
from callscribe import sample
from common.audio import SAMPLE_RATE
from tests.integration.conftest import RunningStack
from tests.integration.pipeline.calls import FINALIZE, Message, config, converse, messages, pcm16

SECONDS = 45


@pytest.fixture(scope="module")
def legs() -> np.ndarray[Any, Any]:
    """The beginning of the sample call, each party on a channel of its own: [2, n]."""
    return np.stack([each[: SECONDS * SAMPLE_RATE] for each in channels(sample.AUDIO)])


def corrected(told: Iterable[Message]) -> dict[int, Message]:
    """Return the finals by utterance, each with the speaker that was told of it at last."""
    finals: dict[int, Message] = {}
    for message in told:
        if message["type"] == "final" and message["text"]:
            finals[message["utterance"]] = message
        if message["type"] == "speaker_revision":
            for each in message["utterances"]:
                finals[each["utterance"]] |= each
    return finals


def loudest(legs: np.ndarray[Any, Any], start: float, end: float) -> int:
    part = legs[:, int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)]
    return int((part**2).sum(axis=1).argmax())


async def test_the_parties_of_a_mixed_call_are_told_apart_for_all(stack: RunningStack, legs):
    options = {"diarize": True, "words": True, "silence_threshold": 0.3}
    heard = await converse(stack.url, config(**options), *messages(legs.sum(axis=0)), FINALIZE)
    assert heard.errors == []
    finals = corrected(heard.messages)
    assert len(finals) > 5
    parties = {
        (each["speaker"], loudest(legs, each["start"], each["end"]))
        for final in finals.values()
        for each in final["speakers"]
        if each["end"] - each["start"] > 1
    }
    # Each of the two numbers stands for one party.
    assert len(parties) == 2
    assert {number for number, _ in parties} == {0, 1} == {party for _, party in parties}
    words = [word for final in heard.finals for word in final["words"] or ()]
    assert {word["speaker"] for word in words} == {0, 1}

    address = f"http://127.0.0.1:{stack.port}/v1/sessions/{heard.session}"
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{address}/transcript") as answer:
            stored = (await answer.json())["utterances"]
        async with http.get(f"{address}/events") as answer:
            lines = (await answer.text()).splitlines()
        async with http.get(f"{address}/transcript", params={"format": "vtt"}) as answer:
            captions = await answer.text()
    expected = {number: final["speaker"] for number, final in finals.items()}
    assert {each["utterance"]: each["speaker"] for each in stored} == expected
    followed = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
    assert {n: final["speaker"] for n, final in corrected(followed).items()} == expected
    assert "<v speaker 0>" in captions
    assert "<v speaker 1>" in captions
    assert "voices" not in f"{heard.messages} {stored} {followed}"


async def test_clients_of_deepgram_get_a_speaker_with_each_word(stack: RunningStack, legs):
    mixed = legs.sum(axis=0)
    query = "encoding=linear16&sample_rate=16000&language=en&endpointing=300&diarize=true"
    found: list[Message] = []
    url = f"ws://127.0.0.1:{stack.port}/v1/listen?{query}"
    async with ws.connect(url, max_queue=None) as connection:
        for piece in messages(mixed):
            await connection.send(piece)
        await connection.send('{"type": "CloseStream"}')
        async for message in connection:
            told = json.loads(message)
            if told["type"] == "Results":
                found += told["channel"]["alternatives"][0]["words"]
    assert {word.get("speaker") for word in found} >= {0, 1}

    address = f"http://127.0.0.1:{stack.port}/v1/listen?{query}&utterances=true"
    async with (
        aiohttp.ClientSession() as http,
        http.post(address, data=io.BytesIO(pcm16(mixed))) as answer,
    ):
        results = (await answer.json())["results"]
    words = results["channels"][0]["alternatives"][0]["words"]
    # A file's are corrected: each number stands for one party.
    shares = Counter((word["speaker"], loudest(legs, word["start"], word["end"])) for word in words)
    (first, _), (second, _) = (place for place, _ in shares.most_common(2))
    assert {first, second} == {0, 1}
    assert {each["speaker"] for each in results["utterances"]} == {0, 1}


async def test_nobody_is_told_apart_who_did_not_ask(stack: RunningStack, legs):
    mixed = legs.sum(axis=0)[: 10 * SAMPLE_RATE]
    heard = await converse(stack.url, config(words=True), *messages(mixed), FINALIZE)
    assert heard.texts
    assert "speaker" not in json.dumps(heard.messages)
