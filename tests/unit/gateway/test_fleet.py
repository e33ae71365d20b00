from types import SimpleNamespace
from typing import cast

import pytest

from common.bus import keys, wire
from common.bus.link import Command, Link
from common.errors import AtCapacity, Unavailable
from gateway.fleet import Fleet

STAGES = ("denoise", "vad", "asr")


class Redis:
    """Stands in for the link: holds the workers' signs of life."""

    def __init__(self) -> None:
        self.signs: dict[str, dict[bytes, bytes]] = {stage: {} for stage in STAGES}

    def beat(self, stage: str, worker: str, at: float, *, slots: int = 4, used: int = 0) -> None:
        sign = wire.pack({"at": at, "slots": slots, "used": used})
        self.signs[stage][worker.encode()] = sign

    async def run(self, commands: list[Command]) -> list[list[bytes]]:
        names = {keys.workers(stage): signs for stage, signs in self.signs.items()}
        return [
            [part for sign in names[cast(bytes, key)].items() for part in sign]
            for _, key in commands
        ]

    async def call(self, *command: object) -> None:
        name, key, *workers = command
        assert name == "HDEL"
        for stage in STAGES:
            if keys.workers(stage) == key:
                for worker in workers:
                    del self.signs[stage][cast(bytes, worker)]


@pytest.fixture
def redis() -> Redis:
    return Redis()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The process's clock, to be set."""
    now = [1000.0]
    monkeypatch.setattr("gateway.fleet.time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


@pytest.fixture
def live(redis: Redis, clock: list[float]) -> Fleet:
    return Fleet(cast(Link, redis), STAGES)


async def test_a_stage_without_a_worker_is_missing(live, redis):
    redis.beat("vad", "v", 1)
    await live.look()
    assert live.missing(STAGES) == ["denoise", "asr"]
    with pytest.raises(Unavailable, match="no asr worker is running") as refusal:
        live.admit(["vad", "asr"], 1)
    assert refusal.value.stage == "asr"


async def test_a_worker_lives_while_its_sign_changes(live, redis, clock):
    redis.beat("vad", "v", 1)
    await live.look()
    clock[0] += 2.9
    await live.look()
    assert live.missing(["vad"]) == []
    clock[0] += 0.2
    await live.look()
    assert live.missing(["vad"]) == ["vad"]
    redis.beat("vad", "v", 2)
    await live.look()
    assert live.missing(["vad"]) == []


async def test_the_workers_own_clock_does_not_matter(live, redis):
    redis.beat("vad", "v", -1e9)
    await live.look()
    assert live.missing(["vad"]) == []


async def test_a_draining_worker_is_none(live, redis):
    redis.beat("vad", "v", 1, slots=0)
    await live.look()
    assert live.missing(["vad"]) == ["vad"]


async def test_a_call_needs_a_slot_for_each_leg_in_the_stages_that_hold_legs(live, redis):
    redis.beat("vad", "v", 1, slots=4, used=3)
    redis.beat("vad", "w", 1, slots=4, used=4)
    # ASR holds utterances: an utterance waits a moment for its slot.
    redis.beat("asr", "a", 1, slots=1, used=1)
    await live.look()
    live.admit(["vad", "asr"], 1)
    with pytest.raises(AtCapacity, match="all 8 vad slots are taken") as refusal:
        live.admit(["vad", "asr"], 2)
    assert refusal.value.reason == "vad_slots"
    assert refusal.value.retry_after > 0


async def test_the_summary_counts_the_living(live, redis, clock):
    redis.beat("asr", "dead", 1, slots=5)
    await live.look()
    clock[0] += 5
    redis.beat("asr", "a", 1, slots=2, used=1)
    redis.beat("asr", "b", 1, slots=3, used=1)
    await live.look()
    assert live.summary() == {
        "denoise": {"workers": 0, "slots": 0, "used": 0},
        "vad": {"workers": 0, "slots": 0, "used": 0},
        "asr": {"workers": 2, "slots": 5, "used": 2},
    }


async def test_a_worker_silent_for_long_is_forgotten_everywhere(live, redis, clock):
    redis.beat("vad", "v", 1)
    await live.look()
    clock[0] += 601
    await live.look()
    assert redis.signs["vad"] == {}


async def test_a_worker_that_left_the_hash_is_gone_at_once(live, redis):
    redis.beat("vad", "v", 1)
    await live.look()
    redis.signs["vad"].clear()
    await live.look()
    assert live.missing(["vad"]) == ["vad"]
