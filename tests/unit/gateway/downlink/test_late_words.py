import asyncio
from typing import Any, cast

import pytest

from common.bus import scripts
from common.bus.keys import Leg
from common.pipeline.text import WORDS
from gateway.downlink.late_words import MOST_AWAITED, LateWords
from gateway.feed.results import AwaitedWords

FIRST, SECOND = (AwaitedWords(Leg("s", 0), n, f"d{n}", 10, 20) for n in (1, 2))


class Link:
    """Records which items were answered, and as what."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, str]] = []

    async def evaluate(self, calls: Any) -> None:
        await asyncio.sleep(0)
        for script, names, (number, digest, packed, _) in calls:
            assert script is scripts.ATTACH
            assert names[0] == Leg("s", 0).key("text")
            words = WORDS.unpack(packed)
            assert (words.words, bool(words.trouble)) == (None, True)
            self.answers.append((number, digest))

    async def answered(self, count: int) -> list[tuple[int, str]]:
        async with asyncio.timeout(5):
            while len(self.answers) < count:
                await asyncio.sleep(0)
        return self.answers


@pytest.fixture
def link() -> Link:
    return Link()


@pytest.fixture
async def late(link):
    return LateWords(cast(Any, link), "s")


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("gateway.downlink.late_words.time.monotonic", lambda: now[0])
    return now


async def idle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_was_noted_is_awaited_until_it_is_not(late):
    assert not late.pending
    late.note([FIRST])
    assert late.pending
    late.note([])
    assert not late.pending


async def test_time_runs_from_when_it_was_first_noted(late, link, clock):
    late.note([FIRST])
    clock[0] += MOST_AWAITED - 1
    late.note([FIRST, SECOND])
    clock[0] += 2
    late.forgo_overdue()
    assert await link.answered(1) == [(1, "d1")]
    await idle()
    assert link.answers == [(1, "d1")]


async def test_giving_up_may_be_repeated_until_the_text_has_it(late, link, clock):
    late.note([FIRST])
    clock[0] += MOST_AWAITED + 1
    late.forgo_overdue()
    late.forgo_overdue()
    assert await link.answered(2) == [(1, "d1")] * 2
    assert late.pending


async def test_at_the_end_whatever_is_left_then_is_given_up(late, link):
    late.note([FIRST, SECOND])
    late.forgo_after(0)
    late.forgo_after(1000)
    late.note([SECOND])
    assert await link.answered(1) == [(2, "d2")]


async def test_nothing_left_is_nothing_given_up(late, link):
    late.note([FIRST])
    late.forgo_after(0)
    late.note([])
    late.forgo_overdue()
    await idle()
    assert link.answers == []


async def test_closed_it_gives_nothing_up(late, link, clock):
    late.note([FIRST])
    late.forgo_after(0)
    clock[0] += MOST_AWAITED + 1
    late.forgo_overdue()
    late.close()
    await idle()
    assert link.answers == []
