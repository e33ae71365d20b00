from random import Random

import pytest

from bench.scaler.load import Load, arrivals, day, ramp
from bench.scaler.simulation import Pool, Rule, run
from bench.scaler.traffic import Chance

GATEWAY = Pool("gateway", 45, 50, 1, 20, 20.0, 40, 1)
ASR = Pool("asr", 14, 16, 1, 40, 20.0, 40, 1)
FLAT = Load("flat", 3600, lambda _: 100.0)


def test_a_ramp_triples_within_ten_minutes():
    load = ramp(100, 300)
    assert [load.calls(minute * 60) for minute in (0, 10, 15, 20, 50, 60)] == [
        100,
        100,
        200,
        300,
        300,
        100,
    ]


def test_a_day_has_its_busiest_hour():
    load = day(900)
    assert max(load.calls(hour * 3600) for hour in range(24)) == 900
    assert load.calls(0) == pytest.approx(load.calls(86_400))


def test_as_many_calls_come_as_keep_up_the_load():
    new = [*arrivals(FLAT, Random(1))]
    assert len(new) == FLAT.seconds
    assert sum(new) == pytest.approx(100 * 3600 / 180, rel=0.05)


def test_the_same_seed_gives_the_same_day():
    pools = [GATEWAY, ASR]
    first, again = (run(Chance(FLAT, 3), pools, Rule("x"), 15) for _ in range(2))
    assert first == again
    assert run(Chance(FLAT, 4), pools, Rule("x"), 15) != first


def test_pods_that_start_slowly_refuse_what_comes_meanwhile():
    load = Chance(ramp(50, 300), 1)
    slow = Pool("asr", 14, 16, 1, 40, 400.0, 10, 1)
    assert run(load, [GATEWAY, ASR], Rule("x"), 15).refused == 0
    assert run(load, [GATEWAY, slow], Rule("x"), 15).refused > 0


def test_a_gateway_that_drains_ends_a_call_only_when_its_time_is_over():
    load = Chance(ramp(50, 300), 1)
    pools = [GATEWAY, ASR]
    staying = Rule("x", resuming=False, drain_s=3600)
    assert run(load, pools, staying, 15).cut == 0
    assert run(load, pools, Rule("x"), 15).cut == 0
    short = Rule("x", resuming=False, drain_s=10)
    assert run(load, pools, short, 15).cut > 0
