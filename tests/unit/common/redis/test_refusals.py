import asyncio

import hiredis
import pytest

from common.redis import refusals
from common.redis.refusals import Refusals

FULL = hiredis.ReplyError(
    "OOM command not allowed when used memory > 'maxmemory'. script: 1, on @user_script:1."
)
SAID = "Redis refuses writes: OOM command not allowed when used memory > 'maxmemory'"


@pytest.fixture
def told(monkeypatch):
    """What the log says."""
    events = []

    class Told:
        def error(self, event, **fields):
            events.append((event, fields["reason"]))

        def info(self, event, **fields):
            events.append((event, ""))

    monkeypatch.setattr(refusals, "_log", Told())
    monkeypatch.setattr(refusals, "_QUIET", 0.1)
    return events


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_an_episode_is_told_once_with_its_end(told):
    noted = Refusals()
    for _ in range(5):
        assert noted.note("a", [b"1-1", FULL])
    assert noted.reason == SAID
    await until(lambda: noted.reason is None)
    assert [event for event, _ in told] == ["redis.refuses", "redis.accepts"]
    assert noted.note("a", [FULL])
    assert [event for event, _ in told][2:] == ["redis.refuses"]


async def test_another_reason_within_an_episode_is_told_too(told):
    noted = Refusals()
    for words in ("BUSY Redis is busy running a script.", "NOREPLICAS Not enough good replicas."):
        for _ in range(2):
            noted.note("a", [hiredis.ReplyError(words)])
    assert [reason for _, reason in told] == [
        "BUSY Redis is busy running a script",
        "NOREPLICAS Not enough good replicas",
    ]
    assert noted.reason == "Redis refuses writes: NOREPLICAS Not enough good replicas"


async def test_what_is_refused_inside_a_transaction_counts(told):
    noted = Refusals()
    gone = "EXECABORT Transaction discarded because of: OOM command not allowed"
    assert noted.note("a", [b"OK", hiredis.ReplyError(gone)])
    assert noted.reason == "Redis refuses writes: OOM command not allowed"
    assert noted.note("a", [[1, FULL]])
    assert len(told) == 1


@pytest.mark.parametrize("words", ["TRYAGAIN Multiple keys", "UNBLOCKED the stream is gone"])
async def test_what_passes_by_itself_is_no_trouble(told, words):
    noted = Refusals()
    assert noted.note("a", [hiredis.ReplyError(words)])
    assert noted.reason is None
    assert told == []


def test_what_is_no_refusal_or_lasts_is_not_noted(told):
    noted = Refusals()
    assert not noted.note("a", [b"1-1", 1, None, [], hiredis.ReplyError("WRONGTYPE of value")])
    assert noted.reason is None
