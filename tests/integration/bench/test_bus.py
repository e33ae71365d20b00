"""The whole system under the benchmark's load: complete, whatever it costs on this machine."""

import math

import pytest
import uvloop

from bench.bus import measure
from bench.followers import Kind


def test_five_calls_lose_nothing():
    figures = uvloop.run(measure(5, 3.0))
    assert figures.expected > 0
    assert (figures.lost, figures.unexpected) == (0, 0)
    assert all(used > 0 for used in figures.cpu.values())
    assert not any(math.isnan(value) for value in (*figures.v, *figures.r))


def test_the_bare_chain_decides_the_same():
    figures = uvloop.run(measure(5, 3.0, bare=True))
    assert figures.expected > 0
    assert (figures.lost, figures.unexpected) == (0, 0)


@pytest.mark.parametrize("kind", ["sse", "websocket", "webhook"])
def test_who_follows_a_call_is_told_of_it(kind: Kind):
    figures = uvloop.run(measure(5, 3.0, follower=kind))
    assert (figures.lost, figures.unexpected) == (0, 0)
    assert figures.told > 0
