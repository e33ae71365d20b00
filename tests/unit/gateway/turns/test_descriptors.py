import resource
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.turns import descriptors
from gateway.turns.descriptors import Descriptors, is_probe


def transport(number: int) -> Any:
    sock = SimpleNamespace(fileno=lambda: number)
    return cast(Any, SimpleNamespace(get_extra_info=lambda name: sock))


@pytest.mark.parametrize(("limit", "last"), [(1024, 991), (64, 47)])
def test_the_last_descriptors_are_kept(limit: int, last: int):
    kept = Descriptors(limit)
    assert not kept.scarce(transport(last))
    assert kept.scarce(transport(last + 1))


def test_an_episode_is_told_once(monkeypatch: pytest.MonkeyPatch):
    told: list[str] = []
    log = SimpleNamespace(
        error=lambda event, **_: told.append(event), info=lambda event, **_: told.append(event)
    )
    monkeypatch.setattr(descriptors, "_log", log)
    kept = Descriptors(1024)
    for number in (10, 1000, 990, 1000, 10, 1000):
        kept.scarce(transport(number))
    assert told == ["process.no_descriptors", "process.descriptors_free", "process.no_descriptors"]


def test_without_a_limit_there_are_always_more():
    assert not Descriptors(resource.RLIM_INFINITY).scarce(transport(1 << 20))


@pytest.mark.parametrize(
    ("head", "probe"),
    [
        (b"GET /health HTTP/1.1\r\n", True),
        (b"GET /ready HTTP/1.1\r\n", True),
        (b"GET /metrics HTTP/1.1\r\n", True),
        (b"GET /healthy HTTP/1.1\r\n", False),
        (b"GET /ws/asr HTTP/1.1\r\n", False),
        (b"POST /health HTTP/1.1\r\n", False),
    ],
)
def test_probes_are_known_by_their_page(head: bytes, probe: bool):
    assert is_probe(head) is probe
