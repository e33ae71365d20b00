"""Which work items Redis no longer has, while items end at any moment."""

from collections.abc import Sequence

from common.bus import keys
from common.bus.offers import missing, offer_packed
from common.redis.link import Link

STAGE = "asr"


async def begin(link: Link, *items: str) -> None:
    await link.evaluate([offer_packed(STAGE, key, b"x") for key in items])


async def end(link: Link, key: str) -> None:
    entry = await link.call("HGET", keys.index(STAGE), key)
    await link.insist([("XDEL", keys.work_items(STAGE), entry), ("HDEL", keys.index(STAGE), key)])


class EndsBetween:
    """The link to Redis, at which an item ends after the first question."""

    def __init__(self, link: Link, key: str) -> None:
        self._link = link
        self._ends = [key]

    async def insist(self, commands: Sequence[object]) -> list[object]:
        replies = await self._link.insist(commands)  # type: ignore[arg-type]
        for key in self._ends:
            await end(self._link, key)
        self._ends = []
        return replies


async def test_what_is_there_is_not_missing(link: Link):
    await begin(link, "a", "b")
    assert await missing(link, [(STAGE, "a"), (STAGE, "b"), (STAGE, "c")]) == [False, False, True]


async def test_the_oldest_item_may_end_while_it_is_asked_for(link: Link):
    await begin(link, "a", "b")
    asked = EndsBetween(link, "a")
    assert await missing(asked, [(STAGE, "a"), (STAGE, "b")]) == [False, False]  # type: ignore[arg-type]
    assert await missing(link, [(STAGE, "a"), (STAGE, "b")]) == [True, False]


async def test_a_lost_stream_has_no_items_whatever_the_index_says(link: Link):
    await begin(link, "a", "b")
    await link.call("DEL", keys.work_items(STAGE))
    assert await missing(link, [(STAGE, "a"), (STAGE, "b")]) == [True, True]
