from dataclasses import replace

import pytest

from bench.scaler.load import Load
from bench.scaler.recording import Recording
from bench.scaler.simulation import Pool, Rule, Told, run
from bench.scaler.traffic import Chance, Replay

GATEWAY = Pool("gateway", 4, 5, 1, 20, 20.0, 2, 1)
ASR = Pool("asr", 4, 5, 1, 20, 20.0, 2, 2)
FLAT = Load("flat", 60, lambda _: 40.0)


def recorded(lag: float = 0.0, *, units: float | None = 10.0) -> Recording:
    """Return a minute with two calls, then four."""
    return Recording(
        seconds=60,
        look_s=15,
        calls=[(0.0, 60.0), (0.0, 12.5), (20.4, 60.0), (20.9, 59.0), (30.0, 60.0)],
        buffers={"gateway": 5, "asr": 5},
        questions={},
        answers={
            "gateway units": [7.0] * 4,
            "asr units": [10.0, 10.0, units, 10.0],
            "asr lag": [0.0, 0.0, lag, 0.0],
        },
    )


def test_chance_makes_as_many_calls_as_the_load_has():
    first, *new = Chance(FLAT, 1).calls()
    assert len(first) == 40
    assert len(new) == FLAT.seconds
    assert all(end >= now for now, ends in enumerate(new) for end in ends)
    assert [first, *new] == [*Chance(FLAT, 1).calls()]
    assert [first, *new] != [*Chance(FLAT, 2).calls()]


def test_chance_is_told_the_units_of_a_pool_with_its_buffer():
    assert Chance(FLAT, 1).told(ASR, 30, 40) == Told(82, 0.0)


def test_a_replay_begins_and_ends_calls_when_they_were():
    first, *new = Replay(recorded()).calls()
    assert first == [60.0, 12.5]
    assert {now: ends for now, ends in enumerate(new) if ends} == {20: [60.0, 59.0], 30: [60.0]}
    assert len(new) == 60


def test_a_replay_is_told_what_was_answered_with_the_buffer_of_the_pool():
    replay = Replay(recorded(0.4))
    assert replay.told(GATEWAY, 30, 1000) == Told(4.0, 0.0)
    assert replay.told(ASR, 30, 1000) == Told(7.0, 0.4)
    assert replay.told(ASR, 45, 1000) == Told(7.0, 0.0)
    assert replay.told(replace(ASR, buffer=0), 45, 1000) == Told(5.0, 0.0)
    assert Replay(recorded(units=None)).told(ASR, 30, 1000) == Told(None, 0.0)


@pytest.mark.parametrize(("lag", "most"), [(0.0, 2), (0.25, 2), (0.5, 4)])
def test_a_recorded_lag_asks_for_pods(lag: float, most: int):
    outcome = run(Replay(recorded(lag)), [GATEWAY, ASR], Rule("x"), 15)
    assert outcome.pods == {"gateway": (1, 1), "asr": (2, most)}
    assert (outcome.calls, outcome.refused) == (3, 0)


def test_a_replay_refuses_what_finds_no_room():
    small = replace(GATEWAY, capacity=2)
    assert run(Replay(recorded()), [small, ASR], Rule("x"), 15).refused == 2
