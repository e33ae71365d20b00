import asyncio
import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from common.bus import keys
from common.errors import AtCapacity, Unavailable
from common.options import SessionOptions
from common.pipeline.record import pack
from common.pipeline.report import AsrLoad, VadLoad, WorkerReport
from common.pipeline.stages import ALIGN, ASR, DENOISE, REQUIRED, VAD
from common.redis.link import Command, CommandError, Link, Reply
from gateway.admission.capacity import Capacity
from gateway.admission.terms import admit
from gateway.admission.workers import Workers

STAGES = ("denoise", "vad", "asr", "align")
WATCHED = (DENOISE, VAD, ASR)


VAD_LOAD = VadLoad(audio=0.0, recordings=0)
ASR_LOAD = AsrLoad(places=0, occupied=0.0, work=0.0, ends=0, late=0, overdue=0, decode=0.0)


class Redis:
    """Stands in for the link: holds the workers' reports."""

    def __init__(self) -> None:
        self.signs: dict[str, dict[bytes, bytes]] = {stage: {} for stage in STAGES}
        self.work_items: dict[str, list[bytes]] = {stage: [] for stage in STAGES}
        """Ids of work items without an owner."""
        self.memories = [(0, 0)]
        self.full = False
        self.connected = True
        self.refusal: str | None = None

    def beat(
        self,
        stage: str,
        worker: str,
        at: float,
        *,
        slots: int = 4,
        used: int = 0,
        lag: float = 0.0,
        redacts: bool = True,
        **load: Any,
    ) -> None:
        loads: dict[str, Any] = {"vad": VAD_LOAD, "asr": ASR_LOAD}
        part = replace(loads[stage], **load) if stage in loads else None
        report = WorkerReport(at=at, slots=slots, used=used, lag=lag, redacts=redacts, load=part)
        self.signs[stage][worker.encode()] = pack(report)

    async def run(self, commands: list[Command]) -> list[Reply]:
        return [self._answer(*command) for command in commands]

    async def everywhere(self, command: Command) -> list[Reply]:
        return [self._info(*each) for each in self.memories]

    def _answer(self, *command: object) -> Reply:
        signs = {keys.workers(stage): signs for stage, signs in self.signs.items()}
        work_items = {
            keys.work_items(stage): work_items for stage, work_items in self.work_items.items()
        }
        match command:
            case ("HGETALL", bytes(key)):
                return [part for sign in signs[key].items() for part in sign]
            case ("XINFO", "GROUPS", bytes(key)):
                lag = len(work_items[key])
                return [[b"name", b"x", b"last-delivered-id", b"1-0", b"lag", lag or None]]
            case ("XRANGE", bytes(key), b"(1-0", "+", "COUNT", 1):
                return [[each, []] for each in work_items[key][:1]]
            case ("HDEL", bytes(key), *workers):
                if self.full:
                    return CommandError("OOM command not allowed")
                for worker in workers:
                    del signs[key][cast(bytes, worker)]
                return len(workers)
        raise AssertionError(command)

    @staticmethod
    def _info(used: int, most: int) -> bytes:
        counts = {"used_memory": used + 5, "mem_not_counted_for_evict": 5, "maxmemory": most}
        lines = [f"{name}:{value}\r\n" for name, value in counts.items()]
        return "".join(["# Memory\r\n", *lines]).encode()


@pytest.fixture
def redis() -> Redis:
    return Redis()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The process's clock, to be set."""
    now = [1000.0]
    monkeypatch.setattr("gateway.admission.workers.time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


@pytest.fixture
def capacity() -> Capacity:
    return Capacity(0.4)


@pytest.fixture
def live(redis: Redis, clock: list[float], capacity: Capacity) -> Workers:
    return Workers(cast(Link, redis), WATCHED, capacity)


async def test_a_stage_without_a_worker_is_missing(live, redis):
    redis.beat("vad", "v", 1)
    await live.look()
    assert live.missing(WATCHED) == ["denoise", "asr"]
    with pytest.raises(Unavailable, match="no asr worker is running") as refusal:
        live.admit("call", REQUIRED, 1)
    assert refusal.value.stage == "asr"


@pytest.mark.parametrize("earlier", ["vad", "asr"])
async def test_a_call_with_secrets_waits_for_the_last_worker_that_hides_nothing(
    redis, capacity, earlier, clock
):
    live = Workers(cast(Link, redis), (*WATCHED, ALIGN), capacity)
    options = SessionOptions(language="English", redact=("pci",))
    for stage in ("vad", "asr"):
        redis.beat(stage, "now", 1)
    redis.beat(earlier, "before", 1, redacts=False, slots=0)  # it drains
    await live.look()
    await admit(live, SessionOptions(), 1, undenoised=False)
    with pytest.raises(Unavailable, match="redact: a worker of an earlier release") as refusal:
        await admit(live, options, 1, undenoised=False)
    assert refusal.value.stage == earlier
    clock[0] += 5
    for stage in ("vad", "asr"):
        redis.beat(stage, "now", 2)
    await live.look()
    assert (await admit(live, options, 1, undenoised=False)).options == options


@pytest.mark.parametrize("trouble", ["away", "refuses"])
async def test_nobody_knows_which_workers_live_while_redis_cannot_tell(live, redis, trouble):
    redis.beat("vad", "v", 1)
    await live.look()
    assert live.alive("vad") == 1
    redis.connected = trouble != "away"
    redis.refusal = "Redis refuses writes: MISCONF" if trouble == "refuses" else None
    assert math.isnan(live.alive("vad"))


async def test_a_new_call_is_told_what_redis_says(live, redis):
    await live.look()
    redis.refusal = "Redis refuses writes: MISCONF"
    with pytest.raises(Unavailable, match="Redis refuses writes: MISCONF"):
        live.admit("call", REQUIRED, 1)


async def test_a_worker_lives_while_its_sign_changes(live, redis, clock):
    redis.beat("vad", "v", 1)
    await live.look()
    clock[0] += 2.9
    await live.look()
    assert live.missing([VAD]) == []
    clock[0] += 0.2
    await live.look()
    assert live.missing([VAD]) == ["vad"]
    redis.beat("vad", "v", 2)
    await live.look()
    assert live.missing([VAD]) == []


async def test_the_workers_own_clock_does_not_matter(live, redis):
    redis.beat("vad", "v", -1e9)
    await live.look()
    assert live.missing([VAD]) == []


async def test_a_draining_worker_is_none(live, redis):
    redis.beat("vad", "v", 1, slots=0)
    await live.look()
    assert live.missing([VAD]) == ["vad"]


async def test_a_call_needs_a_slot_for_each_leg_in_the_stages_that_hold_legs(live, redis):
    redis.beat("vad", "v", 1, slots=4, used=3)
    redis.beat("vad", "w", 1, slots=4, used=4)
    # ASR owns utterances: an utterance waits a moment for its slot.
    redis.beat("asr", "a", 1, slots=1, used=1)
    await live.look()
    live.admit("call", REQUIRED, 1)
    with pytest.raises(AtCapacity, match="all 8 vad slots are taken") as refusal:
        live.admit("call", REQUIRED, 2)
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


async def test_proved_legs_count_once_every_recogniser_reports_them(live, redis):
    redis.beat("vad", "v", 1, slots=20, used=6)
    redis.beat("asr", "a", 1, legs=4)
    redis.beat("asr", "b", 1)
    await live.look()
    assert "legs" not in live.summary()["asr"]
    redis.beat("asr", "b", 2, legs=3)
    await live.look()
    assert live.summary()["asr"]["legs"] == 7
    live.admit("one", REQUIRED, 1)
    with pytest.raises(AtCapacity, match="the recognisers carry 7 legs") as refusal:
        live.admit("more", REQUIRED, 1)
    assert refusal.value.reason == "asr_legs"


async def test_a_worker_silent_for_long_is_forgotten_everywhere(live, redis, clock):
    redis.beat("vad", "v", 1)
    await live.look()
    clock[0] += 601
    redis.full = True
    await live.look()
    assert redis.signs["vad"], "Redis has refused it"
    assert live.missing([VAD]) == ["vad"]
    redis.full = False
    await live.look()
    assert redis.signs["vad"] == {}


async def test_a_worker_that_left_the_hash_is_gone_at_once(live, redis):
    redis.beat("vad", "v", 1)
    await live.look()
    redis.signs["vad"].clear()
    await live.look()
    assert live.missing([VAD]) == ["vad"]


@pytest.mark.parametrize("sign", [b"\xc1", b"", b"\x81\xa1v\x63"])
async def test_a_worker_of_another_release_does_not_count_and_harms_no_other(live, redis, sign):
    redis.signs["vad"][b"a"] = sign
    redis.beat("vad", "v", 1, slots=3)
    redis.signs["vad"][b"w"] = sign
    await live.look()
    assert live.missing([VAD]) == []
    assert live.summary()["vad"] == {"workers": 1, "slots": 3, "used": 0}


async def test_a_call_counts_until_the_signs_of_life_can_show_it(live, redis, clock):
    redis.beat("vad", "v", 1, slots=1)
    redis.beat("asr", "a", 1)
    await live.look()
    live.admit("first", REQUIRED, 1)
    assert live.refusal(1).reason == "vad_slots"
    live.admit("first", REQUIRED, 1)
    live.withdraw("first")
    live.reserve("second", 1)
    assert live.refusal(1).reason == "vad_slots"
    clock[0] += 2.0
    assert live.refusal(1) is None


async def test_what_the_workers_did_between_two_looks_is_what_is_learned_from(
    live, redis, clock, capacity
):
    def beat(number: int) -> None:
        for name, head_start in (("a", 1000.0), ("b", 0.0)):
            work = head_start + 0.1 * number
            redis.beat("asr", name, number, places=1, work=work, decode=0.25)
        redis.beat("vad", "v", number, slots=99, used=2, audio=5000.0 + 2 * number)

    for number in range(1000):
        beat(number)
        await live.look()
        clock[0] += 1.0
    # 0.2 s of work for 2 s of audio; each of the two workers may spend 0.4 s a second.
    assert capacity.room == pytest.approx(0.8 / 0.1, rel=0.15)


async def test_a_worker_that_starts_anew_is_no_negative_work(live, redis, capacity):
    redis.beat("asr", "a", 1, places=1, work=1000.0, decode=0.25)
    await live.look()
    room = capacity.room
    redis.beat("asr", "a", 2, places=1, work=0.0, decode=0.25)
    await live.look()
    assert capacity.room == pytest.approx(room)


async def test_work_items_that_wait_longer_than_two_seconds_are_too_many(live, redis, clock):
    redis.beat("vad", "v", 1, used=1)
    redis.beat("asr", "a", 1)
    redis.work_items["asr"] = [b"5-0", b"6-0"]
    await live.look()
    clock[0] += 2.1
    redis.work_items["asr"] = [b"6-0"]
    await live.look()
    assert live.refusal(1) is None, "the one that had waited was taken"
    clock[0] += 2.1
    redis.beat("vad", "v", 2, used=1)
    redis.beat("asr", "a", 2)
    await live.look()
    assert live.refusal(1).reason == "asr_backlog"
    redis.work_items["asr"] = []
    await live.look()
    assert live.refusal(1) is None


@pytest.mark.parametrize(
    ("vitals", "refused"),
    [
        ({"occupied": 1.6, "ends": 10, "late": 6}, "asr_wait"),
        ({"occupied": 1.6, "ends": 10, "late": 0, "overdue": 6}, "asr_wait"),
        ({"occupied": 1.6, "ends": 10, "late": 1}, None),
        ({"occupied": 1.0, "ends": 10, "late": 10}, None),
        ({}, None),
    ],
)
async def test_late_finals_of_busy_recognisers_are_a_reason(live, redis, clock, vitals, refused):
    """Two places for a second, after a day's work; another worker does nothing."""
    redis.beat("vad", "v", 1, used=1)
    redis.beat("asr", "a", 1, places=2, occupied=9000.0, ends=5000, late=100)
    await live.look()
    clock[0] += 1.0
    redis.beat("vad", "v", 2, used=1)
    counted = {"occupied": 9000.0, "ends": 5000, "late": 100}
    since = {name: before + vitals.get(name, 0) for name, before in counted.items()}
    redis.beat("asr", "a", 2, places=2, **{**vitals, **since})
    await live.look()
    refusal = live.refusal(1)
    assert (refusal.reason if refusal else None) == refused


async def test_a_worker_that_is_slow_to_read_is_behind_after_a_second(live, redis, clock):
    redis.beat("asr", "a", 1)
    for number in range(3):
        assert live.refusal(1) is None
        redis.beat("vad", "v", number, used=1, lag=0.7)
        await live.look()
        clock[0] += 0.5
    assert live.refusal(1).reason == "lag"


async def test_who_runs_it_is_told_when_a_redis_fills_up_and_when_it_drains(
    live, redis, monkeypatch
):
    monkeypatch.setattr("gateway.admission.workers.LOOK_EVERY", 0.0)
    told: asyncio.Queue[bool] = asyncio.Queue()
    running = asyncio.create_task(live.run(told.put_nowait))
    redis.memories = [(12, 100), (93, 100)]
    assert await told.get() is True
    redis.memories = [(12, 100), (87, 100)]
    assert await told.get() is False
    redis.memories = [(93, 0)]
    await live.look()
    running.cancel()
    assert told.empty()
    assert live.refusal(1) is None


async def test_a_call_with_speakers_waits_for_the_last_recogniser_that_tells_none_apart(
    redis, capacity, clock
):
    live = Workers(cast(Link, redis), (*WATCHED, ALIGN), capacity)
    options = SessionOptions(diarize=True)
    redis.beat("vad", "now", 1)
    redis.beat("asr", "now", 1, voices=True)
    redis.beat("asr", "before", 1, slots=0)  # it drains
    await live.look()
    await admit(live, SessionOptions(), 1, undenoised=False)
    with pytest.raises(Unavailable, match="diarize: a recogniser is running") as refusal:
        await admit(live, options, 1, undenoised=False)
    assert refusal.value.stage == "asr"
    clock[0] += 5
    redis.beat("vad", "now", 2)
    redis.beat("asr", "now", 2, voices=True)
    await live.look()
    assert (await admit(live, options, 1, undenoised=False)).options == options
