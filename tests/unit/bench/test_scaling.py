import pytest

from bench.scaling import bandwidth, plan, show

COST = {
    **{"gateway": 1.0, "redis": 0.8, "vad": 1.2, "asr bus": 0.5, "denoise": 16.0, "whisper": 40.0},
    **{"gateway MB": 0.25, "vad MB": 0.15, "redis MB": 0.1},
}


def test_as_many_are_needed_as_keep_each_below_sixty_percent_of_a_core():
    lines = {line.kind: line for line in plan(10_000, COST)}
    gateway = lines["gateway"]
    assert (gateway.alone, gateway.needed, gateway.memory_mb) == (600, 17, 2_500)


def test_twice_the_calls_take_twice_the_processes():
    once, twice = plan(6_000, COST), plan(12_000, COST)
    for a, b in zip(once, twice, strict=True):
        assert b.needed in (2 * a.needed - 1, 2 * a.needed)


def test_bandwidth_is_that_of_the_audio_and_what_it_is_wrapped_in():
    assert bandwidth(1_000)["clients to gateways"] == pytest.approx(0.287, abs=0.001)


def test_the_first_bottleneck_is_named():
    text = show(10_000, plan(10_000, COST), bandwidth(10_000))
    assert "first bottleneck: one Redis, at 750 calls" in text
