"""What the VAD's stage does beside the model: telling recordings from live calls."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from common.bus.keys import Leg
from common.bus.wire import NOTHING, Chunk, Control
from common.options import SessionOptions
from common.pipeline.control import Flush
from common.pipeline.work import LegWork
from common.stage.api import Assignment, Recovery, Work
from common.telemetry.metrics import VadMetrics
from vad_worker.framing import FRAME, FRAME_BYTES
from vad_worker.leg import VadLeg
from vad_worker.model import SileroVad
from vad_worker.settings import VadSettings
from vad_worker.stage import OwnedLeg, VadStage

WORK = LegWork(options=SessionOptions(), gateway="gw", source="audio", events=True)
UTTERANCES = [0.9] * 30 + [0.01] * 40
"""One that ends, in frames."""


def owned() -> OwnedLeg:
    leg = VadLeg(Leg("s", 0), WORK, None)
    return OwnedLeg(leg, cast(Any, None), 100.0, leg.position)


def hear(one: OwnedLeg, times: int) -> None:
    heard = UTTERANCES * times
    end = one.leg.position + len(heard) * FRAME
    one.leg.ingest([Chunk(end, bytes(2 * FRAME * len(heard)))])
    one.leg.conclude(heard, [0.01] * len(heard))


def stage() -> VadStage:
    return VadStage(VadSettings(), cast(Any, None), VadMetrics.build(CollectorRegistry()))


def test_audio_that_comes_faster_than_it_is_spoken_is_a_recording_until_it_is_not():
    one = owned()
    hear(one, 1)  # 2.24 s
    one.note_pace(100.1)
    assert not one.leg.live
    one.note_pace(101.0)
    assert one.leg.live


def test_a_leg_that_is_taken_over_amid_its_call_is_live():
    one = owned()
    hear(one, 20)
    late = OwnedLeg(one.leg, cast(Any, None), 100.0, one.leg.position)
    late.note_pace(100.0)
    assert one.leg.live


@pytest.mark.parametrize("frame_s", [0.02, 0.032, 0.1])
@pytest.mark.parametrize("backlog_s", [0.0, 3.0, 12.0])
def test_a_live_call_that_had_no_owner_for_a_while_stays_live(frame_s, backlog_s):
    one = owned()
    one.catching_up = True
    came, now = 0.0, 100.0
    while now < 110.0:
        now += 0.02
        there = backlog_s + now - 100.0
        for _ in range(8):  # entries of one read
            if came + frame_s <= there:
                came += frame_s
                chunk = Chunk(round(16_000 * came), bytes(2 * round(16_000 * frame_s)))
                silence = [0.01] * (len(one.leg.ingest([chunk])) // FRAME_BYTES)
                one.leg.conclude(silence, silence)
        one.note_pace(now)
        assert one.leg.live
    assert not one.catching_up
    hear(one, 2)  # 4.48 s in one go
    one.note_pace(now)
    assert not one.leg.live, "what comes faster from then on is a recording"


def hear_silence(one: OwnedLeg, until: float) -> None:
    """Hear all up to a time in seconds."""
    end = round(16_000 * until)
    chunk = Chunk(end, bytes(2 * (end - one.leg.position)))
    silence = [0.01] * (len(one.leg.ingest([chunk])) // FRAME_BYTES)
    one.leg.conclude(silence, silence)


@pytest.mark.parametrize("backlog_s", [3.0, 30.0])
def test_a_live_call_that_begins_with_a_backlog_is_live_once_that_is_read(backlog_s):
    one = owned()
    hear_silence(one, backlog_s)
    one.note_pace(100.0)
    assert not one.leg.live
    for tenth in range(1, 100):
        hear_silence(one, backlog_s + tenth / 10)
        one.note_pace(100.0 + tenth / 10)
        assert one.leg.live == (tenth >= 30)
    hear(one, 2)  # 4.48 s in one go
    one.note_pace(110.0)
    assert not one.leg.live, "what comes faster from then on is a recording"


def test_a_recording_stays_one_however_long_it_is_paused():
    """It comes at 16 times its pace, and nothing of it is read while finals are awaited."""
    one = owned()
    now = 100.0
    hear(one, 1)
    for number in range(1, 30):
        hear(one, 1)
        one.note_pace(now)
        assert not one.leg.live
        one.paused = one.full
        assert one.paused
        one.leg.committed(number)
        now += 2.2  # about its own length


def test_what_comes_a_little_faster_than_it_is_spoken_is_a_recording_from_some_time_on():
    one = owned()
    for tenth in range(1, 400):
        hear_silence(one, 1.3 * tenth / 10)
        one.note_pace(100.0 + tenth / 10)
        assert one.leg.live == (0.3 * tenth / 10 < 2.0)


def test_a_recording_whose_worker_stands_still_stays_one():
    one = owned()
    for second in range(20):
        for sixteenth in range(16):
            hear_silence(one, 60.0 + 16 * second + sixteenth)
            one.note_pace(100.0 + 2 * second + sixteenth / 16)
            assert not one.leg.live


class Listening:
    """Notes the samples that the network would hear."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def open(self) -> Any:
        return SimpleNamespace(dump=lambda: b"")

    def load_state(self, data: bytes) -> Any:
        return self.open()

    def run(self, states: Any, counts: Any, samples: Any) -> Any:
        self.heard += samples.tolist()
        return np.zeros(sum(counts), np.float32)


@pytest.mark.parametrize("taken_over_at", [0, 17, 64])
async def test_quiet_speech_is_amplified_and_equally_so_by_the_next_owner(taken_over_at):
    worker = stage()
    worker._vad = cast(Any, Listening())
    dice = np.random.default_rng(1)
    loudness = np.where(np.arange(64) // 5 % 2, 30, 2).repeat(FRAME)
    spoken = (loudness * dice.standard_normal(64 * FRAME)).astype("<i2")

    async def heard(owner: int, left: Recovery, first: int, last: int) -> Recovery:
        assignment = Assignment("s.0", Leg("s", 0), WORK, b"1-0", owner)
        one = worker.open(assignment, left, lambda: None)
        for frame in range(first, last):
            end = (frame + 1) * FRAME
            await worker.step([(one, [Chunk(end, spoken[end - FRAME : end].tobytes())])])
        return Recovery(one.leg.snapshot(b"").state, NOTHING)

    await heard(1, Recovery(None, NOTHING), 0, 64)
    whole, worker._vad.heard = worker._vad.heard, []  # type: ignore[attr-defined]
    await heard(2, await heard(1, Recovery(None, NOTHING), 0, taken_over_at), taken_over_at, 64)
    assert worker._vad.heard == whole  # type: ignore[attr-defined]
    assert np.abs(whole[-5 * FRAME :]).max() > 10 * np.abs(spoken[-5 * FRAME :]).max() / 32768


@pytest.mark.parametrize("live", [True, False])
def test_a_leg_that_is_taken_over_is_what_it_was(live):
    one, worker = owned(), stage()
    worker._vad = cast(Any, SimpleNamespace(load_state=lambda saved: saved))
    one.leg.live = live
    left = Recovery(one.leg.snapshot(b"the network's").state, NOTHING)
    assignment = Assignment("s.0", Leg("s", 0), WORK, b"1-0", 2)
    late = worker.open(assignment, left, lambda: None)
    hear(late, 1)
    late.note_pace(late.began)
    assert late.leg.live == live


def test_audio_is_settled_when_its_utterance_has_ended():
    one, silence = owned(), [0.01] * 10
    assert one.settled(10) == 10
    one.leg.ingest([Chunk(30 * FRAME, bytes(2 * FRAME * 30))])
    one.leg.conclude([0.9] * 30, [0.01] * 30)
    assert one.leg.speaking
    assert one.settled(30) == 0
    one.leg.ingest([Chunk(80 * FRAME, bytes(2 * FRAME * 50))])
    one.leg.conclude(silence * 5, [0.01] * 50)
    assert one.settled(50) == 80


def test_of_a_recording_two_utterances_wait_for_their_finals_and_no_more():
    one, worker = owned(), stage()
    one.leg.live = False
    hear(one, 1)
    assert not worker.full(one)
    hear(one, 1)
    assert worker.full(one)
    one.leg.committed(1)
    assert not worker.full(one)


def test_an_open_utterance_of_a_recording_is_heard_to_its_end():
    """The recogniser reads the audio itself, and would take what follows for a part of it."""
    one, worker = owned(), stage()
    one.leg.live = False
    hear(one, 2)
    heard = [0.9] * 30
    one.leg.ingest([Chunk(one.leg.position + 30 * FRAME, bytes(2 * FRAME * 30))])
    one.leg.conclude(heard, [0.01] * 30)
    assert one.leg.unfinished == 3
    assert not worker.full(one)


def test_a_live_call_is_read_however_much_waits():
    one, worker = owned(), stage()
    hear(one, 9)
    assert one.leg.unfinished == 9
    assert not worker.full(one)


def test_what_is_offered_says_whether_its_leg_was_live():
    one = owned()
    one.leg.live = False
    heard = [0.9] * 30
    one.leg.ingest([Chunk(30 * FRAME, bytes(2 * FRAME * 30))])
    (*_, offer) = one.leg.conclude(heard, [0.01] * 30)
    assert cast(Any, offer).work.live is False


async def test_a_live_leg_of_which_nothing_comes_is_quiet_until_it_speaks(monkeypatch):
    now = 100.0
    monkeypatch.setattr("vad_worker.stage.time.monotonic", lambda: now)
    worker = stage()
    worker._vad = SileroVad()
    legs = [
        worker.open(
            Assignment(f"s.{channel}", Leg("s", channel), WORK, b"1-0", 1),
            Recovery(None, NOTHING),
            lambda: None,
        )
        for channel in (0, 1)
    ]
    assert worker.load().quiet == 0
    position = 0
    while now < 110.0:
        now, position = now + 0.5, position + 8_000
        flush = Control(0, 2, Flush())
        work: list[Work[OwnedLeg]] = [
            (legs[0], [Chunk(position, bytes(16_000))]),
            (legs[1], [flush]),
        ]
        await worker.step(work if now == 100.5 else work[:1])
    assert worker.load().quiet == 1, "a control is no audio"
    await worker.step([(legs[1], [Chunk(8_000, bytes(16_000))])])
    assert worker.load().quiet == 0
    now += 6.0
    assert worker.load().quiet == 2
    for leg in legs:
        worker.close(leg)
    assert worker.load().quiet == 0
