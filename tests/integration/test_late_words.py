"""Words from an aligner through the whole system: with their final, after it, too late, or never.

Recognisers and VAD are the bench's, which cost nothing; the aligner is a stage on the real runtime
that answers when it is let.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from bench.dummies import TEXT
from common.audio import SAMPLE_RATE, FloatArray
from common.bus import keys, wire
from common.bus.keys import Leg
from common.pipeline.stages import ALIGN
from common.pipeline.streams import SOURCES
from common.pipeline.text import TimedWord, Words
from common.pipeline.work import TextWork
from common.redis.address import Address
from common.redis.link import Link
from common.settings import StageSettings
from common.stage.api import Assignment, Attach, Done, Effect, Recovery, Source, Stage, Work
from common.stage.runner import Runner
from common.telemetry.metrics import StageMetrics
from tests.integration.conftest import leaked_keys, wait_until
from tests.integration.forks import fork
from tests.integration.pipeline.calls import (
    FINALIZE,
    FLUSH,
    Line,
    Message,
    config,
    line,
    messages,
    said,
)
from tests.integration.pipeline.services import Service, service
from tests.real_redis import admin, real_redis

PATIENCE = 0.5
"""Seconds that the gateway of these tests waits for words at the end of a call."""
TOO_LATE = "the word times took too long"


def loud(seconds: float) -> FloatArray:
    noise = np.random.default_rng(7).uniform(-0.3, 0.3, round(seconds * SAMPLE_RATE))
    return noise.astype(np.float32)


@dataclass(eq=False)
class Text:
    """A work item of the stand-in aligner."""

    work: TextWork
    wake: Callable[[], None]


class AlignerStandIn(Stage[Text, TextWork]):
    """Says that a text is one word as long as its audio; `gate` holds its answers back."""

    spec = ALIGN
    tick = 0.01

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.opened: list[Text] = []
        self.answered = 0

    def open(
        self, assignment: Assignment[TextWork], recovery: Recovery, wake: Callable[[], None]
    ) -> Text:
        self.opened.append(Text(assignment.work, wake))
        return self.opened[-1]

    def inputs(self, state: Text) -> Mapping[Source, bytes]:
        return {SOURCES[state.work.source]: wire.before_position(state.work.start)}

    async def step(self, work: Sequence[Work[Text]]) -> Sequence[Sequence[Effect]]:
        return [self._answer(text.work) if self.gate.is_set() else [] for text, _ in work]

    def close(self, state: Text) -> None:
        self.answered += 1

    def release(self) -> None:
        """Let all answers out."""
        self.gate.set()
        for text in self.opened:
            text.wake()

    def _answer(self, work: TextWork) -> list[Effect]:
        words = Words((TimedWord(work.text, work.start, work.end, 1.0),))
        return [Attach(work.utterance, work.digest, words, work.gateway), Done()]


@contextmanager
def dummy(name: str, redis_url: str) -> Iterator[None]:
    process = fork("bench.dummies", name, "--redis-url", redis_url, "--log-level", "warning")
    try:
        yield
    finally:
        process.terminate()
        assert process.wait(20) == 0


@pytest.fixture(scope="module")
def gateway() -> Iterator[tuple[Service, str]]:
    """A gateway with its VAD and ASR workers, and where their Redis is; no aligner."""
    with (
        real_redis() as own,
        service("gateway", own.url, "--words-wait-s", str(PATIENCE)) as gateway,
        dummy("vad", own.url),
        dummy("asr", own.url),
    ):
        gateway.wait_ready()
        yield gateway, own.url
        with admin(own.url) as client:
            assert leaked_keys(client) == []


@asynccontextmanager
async def running(redis_url: str) -> AsyncIterator[AlignerStandIn]:
    """Run a stand-in aligner; afterwards no work item for it may be left."""
    links: list[Link] = []

    async def dial(role: str) -> Link:
        links.append(Link(Address.parse(redis_url, "align"), f"align:{role}"))
        await links[-1].connect()
        return links[-1]

    stage = AlignerStandIn()
    metrics = StageMetrics.build(CollectorRegistry(), "align")
    settings = StageSettings(lease_s=2, heartbeat_s=0.2)
    runner = Runner(stage, settings, slots=8, consumer="stand-in", metrics=metrics, dial=dial)
    await runner.start()
    tasks = [asyncio.create_task(work) for work in runner.services().values()]
    try:
        yield stage
        stage.release()
        async with asyncio.timeout(5):
            await runner.drain()
        with admin(redis_url) as client:
            assert client.xlen(keys.work_items("align")) == 0
            assert client.hlen(keys.index("align")) == 0
        assert not any(task.done() for task in tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await runner.stop()
        await asyncio.gather(*(link.close() for link in links))


@pytest.fixture
async def aligner(gateway: tuple[Service, str]) -> AsyncIterator[AlignerStandIn]:
    async with running(gateway[1]) as stage:
        yield stage


@asynccontextmanager
async def call(gateway: tuple[Service, str]) -> AsyncIterator[Line]:
    async with line(gateway[0].url) as client:
        await client.say(config(words=True, interim_results=False))
        await client.hear("session_created")
        yield client


def is_whole(words: list[Message], final: Message) -> bool:
    """Tell whether these are the stand-in's words for exactly this final."""
    place = {"start": final["start"], "end": final["end"]}
    return words == [{"word": TEXT, **place, "probability": 1.0}]


async def test_without_an_aligner_the_final_says_so(gateway):
    async with call(gateway) as client:
        await client.say(*messages(loud(0.6)), FINALIZE)
        transcript = await client.hear_out()
    (final,) = transcript.finals
    assert (final["text"], final["words"]) == (TEXT, None)
    assert final["words_unavailable"] == "no aligner is running"
    assert transcript.close_code == 1000


async def test_words_that_are_ready_before_the_endpoint_come_with_the_final(gateway, aligner):
    async with call(gateway) as client:
        await client.say(*messages(said(loud(0.6), 0.5)))
        await wait_until(lambda: aligner.answered, "the pause is aligned")
        await client.say(*messages(said(1.0)), FINALIZE)
        transcript = await client.hear_out()
    (final,) = [final for final in transcript.finals if final["text"]]
    assert is_whole(final["words"], final)
    assert "words_pending" not in final
    assert transcript.of("words") == []


async def test_a_call_that_turns_words_on_later_finds_the_aligner(gateway, aligner):
    def known() -> bool:
        status = json.loads(gateway[0].page("/ws/status")[1])
        return bool(status["stages"]["align"]["workers"])

    await wait_until(known, "the gateway knows of the aligner")
    async with line(gateway[0].url) as client:
        await client.say(config(interim_results=False))
        await client.hear("session_created")
        finals = []
        for words in (False, True, False):
            await client.say(config(words=words), *messages(said(loud(0.6), 0.5)))
            if words:
                await wait_until(lambda: aligner.answered, "the pause is aligned")
            await client.say(FLUSH)
            finals.append(await client.hear("final"))
        await client.say(FINALIZE)
        transcript = await client.hear_out()
    assert is_whole(finals[1]["words"], finals[1])
    assert not any(name.startswith("words") for final in finals[::2] for name in final)
    assert len(aligner.opened) == 1
    assert transcript.of("words") == []


async def test_words_come_after_finals_that_did_not_wait(gateway, aligner):
    aligner.gate.clear()
    async with call(gateway) as client:
        finals = []
        for _ in range(2):
            await client.say(*messages(loud(0.6)), FLUSH)
            finals.append(await client.hear("final"))
        assert [(final["words"], final["words_pending"]) for final in finals] == [(None, True)] * 2
        await wait_until(lambda: len(aligner.opened) == 2, "both are offered")
        aligner.release()
        words = [await client.hear("words") for _ in finals]
        await client.say(FINALIZE)
        transcript = await client.hear_out()
    for final in finals:
        (mine,) = [each for each in words if each["utterance"] == final["utterance"]]
        assert is_whole(mine["words"], final)
        assert (mine["start"], mine["end"]) == (final["start"], final["end"])
    told = [message["seq"] for message in transcript.of("final", "words")]
    assert told == sorted(set(told))


async def test_words_of_a_pause_that_was_no_end_are_not_taken_for_the_finals(gateway, aligner):
    async with call(gateway) as client:
        await client.say(*messages(said(loud(0.6), 0.5)))
        await wait_until(lambda: aligner.answered, "the pause is aligned")
        aligner.gate.clear()
        await client.say(*messages(loud(0.6)), FLUSH)
        final = await client.hear("final")
        assert (final["words"], final["words_pending"]) == (None, True)
        await wait_until(lambda: len(aligner.opened) == 2, "the end is offered")
        aligner.release()
        words = await client.hear("words")
        assert is_whole(words["words"], final)
        await client.say(FINALIZE)
        await client.hear_out()


async def test_a_call_ends_with_the_words_that_came_in_time(gateway, aligner):
    aligner.gate.clear()
    async with call(gateway) as client:
        await client.say(*messages(loud(0.6)), FINALIZE)
        final = await client.hear("final")
        await wait_until(lambda: aligner.opened, "it is offered")
        aligner.release()
        transcript = await client.hear_out()
    (words,) = transcript.of("words")
    assert is_whole(words["words"], final)
    assert transcript.messages[-1] == words
    assert transcript.close_code == 1000


async def test_a_call_ends_without_the_words_of_an_aligner_that_never_answers(gateway, aligner):
    aligner.gate.clear()
    async with call(gateway) as client:
        await client.say(*messages(loud(0.6)), FINALIZE)
        transcript = await client.hear_out()
    (words,) = transcript.of("words")
    assert (words["words"], words["words_unavailable"]) == (None, TOO_LATE)
    assert transcript.close_code == 1000
    # What it says now is not added: the text is as the client was told.
    await wait_until(lambda: aligner.opened, "it is offered")
    aligner.release()
    await wait_until(lambda: aligner.answered, "it has answered")
    text = Leg(transcript.session, 0).key("text")
    with admin(gateway[1]) as client:
        entries = client.xrange(text)
    assert [stream_id for stream_id, _ in entries] == [b"1-1", b"2-1", b"2-2"]
