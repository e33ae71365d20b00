"""What a gateway writes of each final, and that nothing waits for it."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from common.bus import keys
from common.pipeline.text import TimedWord
from common.pipeline.trace import TRACE_ENTRY, SentFinal, SentWords
from common.redis.link import Command, CommandError, Link
from common.telemetry.metrics import GatewayMetrics, new_registry
from gateway.downlink.traces import CallTrace, Traces
from gateway.protocols.events import Final, Partial, Words
from gateway.uplink.arrivals import Arrivals

KEY = keys.session_key("s", "trace")
STALE = "ERR The ID specified in XADD is equal or smaller than the target stream top item"
WORDS = (TimedWord("Hello.", 0, 8_000, 1.0), TimedWord("You.", 8_000, 900_000, 1.0))


class Redis:
    """Stands in for the link: keeps commands, answers when allowed."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.there = asyncio.Event()
        self.there.set()
        self.answer: object = b"1-1"

    async def insist(self, commands: Sequence[Command]) -> list[object]:
        await self.there.wait()
        self.commands += commands
        return [self.answer for _ in commands]

    @property
    def entries(self) -> list[tuple[Any, SentFinal | SentWords]]:
        """The ids and entries written."""
        return [
            (command[-3], TRACE_ENTRY.unpack(cast(bytes, command[-1])))
            for command in self.commands
            if command[0] == "XADD"
        ]


class House:
    """The trace of one call."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = 50.0
        monkeypatch.setattr("gateway.uplink.arrivals.time.monotonic", lambda: self.clock)
        monkeypatch.setattr("gateway.downlink.traces.time.time", lambda: self.clock + 1000)
        self.redis = Redis()
        self.metrics = GatewayMetrics.build(new_registry(version="1", service="gateway"))
        self.traces = Traces(cast(Link, self.redis), "gw", self.metrics)
        self.arrivals = Arrivals(0)
        self.trace = CallTrace(self.traces, "s", self.arrivals)

    def spoken(self, position: int, at: float) -> None:
        self.clock = at
        self.arrivals.note(position)
        self.arrivals.stored.audio(position, at + 0.005)

    @property
    def dropped(self) -> float:
        return cast(float, self.metrics.traces_dropped._value.get())


@pytest.fixture
async def house(monkeypatch: pytest.MonkeyPatch) -> House:
    return House(monkeypatch)


def final(seq: int = 1, **given: Any) -> Final:
    usual: dict[str, Any] = {
        "start": 0,
        "end": 8_000,
        "at": 16_000,
        "text": "Hello.",
        "reason": "silence",
    }
    usual |= {"channel": 0, "utterance": seq, "seq": seq, "language": None, "words": None}
    return Final(**(usual | given))


async def test_a_final_is_noted_with_when_its_audio_was_received_and_stored(house):
    house.spoken(8_000, 51.0)
    house.spoken(16_000, 52.0)
    house.clock = 53.0
    house.trace.note([Partial(0, 1, 0, 8_000, "Hel", 0, None), final(3, utterance=2)])
    await house.traces.write()
    assert house.redis.entries == [
        (
            b"3-1",
            SentFinal(
                channel=0,
                utterance=2,
                gateway="gw",
                spoken=1051.0,
                received=1052.0,
                stored=1052.005,
                sent=1053.0,
            ),
        )
    ]
    assert house.redis.commands[0][:5] == ("XADD", KEY, "MAXLEN", "~", 8192)
    assert ("EXPIRE", KEY, keys.SESSION_TTL, "NX") in house.redis.commands


async def test_a_flush_was_received_later_than_the_audio_before_it(house):
    house.spoken(16_000, 51.0)
    house.clock = 58.0
    house.arrivals.note_control(16_000)
    house.arrivals.stored.control(16_000, 58.001)
    house.trace.note([final(1, reason="flush", end=16_000)])
    await house.traces.write()
    ((_, entry),) = house.redis.entries
    assert isinstance(entry, SentFinal)
    assert (entry.spoken, entry.received, entry.stored) == (1051.0, 1058.0, 1058.001)


async def test_what_is_not_known_is_none(house):
    house.trace.note([final(1), final(2, text="", start=5, end=5, reason="flush")])
    await house.traces.write()
    for _, entry in house.redis.entries:
        assert isinstance(entry, SentFinal)
        assert (entry.spoken, entry.received, entry.stored) == (None, None, None)


async def test_words_are_noted_by_when_they_were_received_with_their_final_or_after_it(house):
    house.spoken(8_000, 51.0)
    late = Words(0, 2, 3, 0, 8_000, WORDS[:1])
    house.trace.note([final(1, words=WORDS), final(2), late])
    await house.traces.write()
    (_, first), (_, second), (place, third) = house.redis.entries
    assert first.words == (1051.0, None)
    assert second.words is None
    assert (place, third) == (b"3-1", SentWords(channel=0, utterance=2, words=(1051.0,)))


async def test_noise_and_words_that_do_not_come_are_not_noted(house):
    house.trace.note([final(1, text=""), Words(0, 1, 2, 0, 8_000, None, "none")])
    await house.traces.write()
    assert house.redis.commands == []


async def test_entries_of_all_calls_are_written_together_soon():
    redis = Redis()
    metrics = GatewayMetrics.build(new_registry(version="1", service="gateway"))
    traces = Traces(cast(Link, redis), "gw", metrics)
    running = asyncio.create_task(traces.run())
    for session in "st":
        CallTrace(traces, session, Arrivals(0)).note([final(1)])
    async with asyncio.timeout(5):
        while not redis.commands:
            await asyncio.sleep(0.01)
    running.cancel()
    written = [command[1] for command in redis.commands if command[0] == "XADD"]
    assert written == [KEY, keys.session_key("t", "trace")]


async def test_nothing_waits_for_a_redis_that_is_away_and_what_is_too_much_is_counted(house):
    house.redis.there.clear()
    writing = asyncio.create_task(house.traces.write())
    for seq in range(1, 8_200):
        house.trace.note([final(seq)])
    assert house.dropped == 8_199 - 8_192
    house.redis.there.set()
    await writing
    await house.traces.write()
    assert len(house.redis.entries) == 8_192


@pytest.mark.parametrize(("refusal", "dropped"), [(STALE, 0), ("OOM command not allowed", 1)])
async def test_an_entry_that_is_there_already_is_not_missed(house, refusal, dropped):
    house.redis.answer = CommandError(refusal)
    house.trace.note([final(1)])
    await house.traces.write()
    assert house.dropped == dropped
    await house.traces.write()
    assert len(house.redis.entries) == 1
