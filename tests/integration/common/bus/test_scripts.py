"""The scripts on a real server: what is atomic, what is idempotent, what order comes out."""

import asyncio
import random

import pytest

from common.bus import keys, scripts, wire
from common.bus.keys import Leg
from common.bus.offers import register

LEG = Leg("call", 0)
OTHER = Leg("call", 1)


async def open_session(link, leg=LEG):
    await link.run([("HSET", leg.meta, "session", b"x"), ("EXPIRE", leg.meta, 60)])


def commit(number, text="", leg=LEG):
    body = wire.pack({"t": "final", "text": text or f"item {number}", "shown": True})
    names = (leg.key("text"), leg.key("held"), leg.meta, leg.key(f"part:{number}"))
    return (scripts.COMMIT, names, (number, body, keys.SESSION_TTL))


async def items(link, leg=LEG):
    """The text of a leg: (item number, seq, what it says)."""
    entries = await link.call("XRANGE", leg.key("text"), "-", "+")
    return [
        (wire.id_halves(i)[0], int(fields[1]), wire.unpack(fields[3])["text"])
        for i, fields in entries
    ]


class TestCommit:
    async def test_items_enter_in_order_with_a_running_number(self, link):
        await open_session(link)
        assert await link.evaluate([commit(1), commit(2), commit(3)]) == [1, 1, 1]
        assert await items(link) == [(1, 1, "item 1"), (2, 2, "item 2"), (3, 3, "item 3")]

    async def test_an_item_waits_for_its_predecessor(self, link):
        await open_session(link)
        assert await link.evaluate([commit(3), commit(2)]) == [0, 0]
        assert await items(link) == []
        assert 0 < await link.call("TTL", LEG.key("held")) <= keys.SESSION_TTL
        assert await link.evaluate([commit(1)]) == [3]
        assert [number for number, _, _ in await items(link)] == [1, 2, 3]
        assert await link.call("EXISTS", LEG.key("held")) == 0

    async def test_the_first_version_of_an_item_wins(self, link):
        await open_session(link)
        assert await link.evaluate([commit(1, "first"), commit(1, "second")]) == [1, 0]
        assert await link.evaluate([commit(3, "held"), commit(3, "late"), commit(2)]) == [0, 0, 2]
        assert [text for _, _, text in await items(link)] == ["first", "item 2", "held"]

    async def test_a_session_that_is_gone_takes_nothing(self, link):
        assert await link.evaluate([commit(1)]) == [-1]
        await open_session(link)
        await link.evaluate([commit(1)])
        await link.call("UNLINK", LEG.meta)
        assert await link.evaluate([commit(2)]) == [-1]
        assert await link.call("EXISTS", LEG.key("held"), LEG.meta) == 0

    async def test_the_running_number_is_the_sessions_over_both_legs(self, link):
        await open_session(link)
        orders = [commit(1), commit(1, leg=OTHER), commit(2, leg=OTHER), commit(2)]
        await link.evaluate(orders)
        assert [(n, seq) for n, seq, _ in await items(link)] == [(1, 1), (2, 4)]
        assert [(n, seq) for n, seq, _ in await items(link, OTHER)] == [(1, 2), (2, 3)]

    async def test_the_partial_of_an_item_goes_when_the_item_comes(self, link):
        await open_session(link)
        await link.run([("XADD", LEG.key(f"part:{n}"), "1-1", "p", "x") for n in (1, 2, 3)])
        await link.evaluate([commit(1), commit(3)])
        left = [n for n in (1, 2, 3) if await link.call("EXISTS", LEG.key(f"part:{n}"))]
        assert left == [2]
        await link.evaluate([commit(2)])
        assert await link.call("EXISTS", LEG.key("part:2")) == 0

    async def test_keys_live_as_long_as_the_session(self, link):
        await open_session(link)
        await link.evaluate([commit(1)])
        assert 0 < await link.call("TTL", LEG.key("text")) <= keys.SESSION_TTL
        assert await link.call("TTL", LEG.meta) <= 60

    async def test_numbers_of_any_size_keep_their_order(self, link):
        await open_session(link)
        await link.evaluate([commit(number) for number in range(1, 121)])
        assert [number for number, _, _ in await items(link)] == list(range(1, 121))

    async def test_any_order_and_any_repetition_give_the_same_text(self, link):
        await open_session(link)
        orders = [(number, leg) for number in range(1, 31) for leg in (LEG, OTHER)] * 3
        random.Random(7).shuffle(orders)
        batches = [orders[i : i + 9] for i in range(0, len(orders), 9)]
        added = await asyncio.gather(
            *(link.evaluate([commit(n, leg=leg) for n, leg in batch]) for batch in batches)
        )
        assert sum(map(sum, added)) == 60
        both = [await items(link, leg) for leg in (LEG, OTHER)]
        assert [[number for number, _, _ in text] for text in both] == [list(range(1, 31))] * 2
        assert sorted(seq for text in both for _, seq, _ in text) == list(range(1, 61))


class TestClaims:
    async def release(self, link, entry, key="s.0"):
        names = (keys.claims("toy"), keys.index("toy"))
        await link.evaluate([(scripts.RELEASE, names, ("toy", entry, key))])

    async def test_registering_is_idempotent(self, link):
        first, again = await link.evaluate([register("toy", "s.0", {"a": 1})] * 2)
        assert first == again
        assert await link.evaluate([register("toy", "s.0", {"a": 2})]) == [first]
        ((entry, fields),) = await link.call("XRANGE", keys.claims("toy"), "-", "+")
        assert entry == first
        assert fields[:3] == [b"k", b"s.0", b"p"]
        body = wire.unpack(fields[3])
        assert body["a"] == 1
        assert body["offered"] > 0

    async def test_releasing_is_idempotent_and_leaves_nothing(self, link):
        (entry,) = await link.evaluate([register("toy", "s.0", {})])
        await link.run([("XGROUP", "CREATE", keys.claims("toy"), "toy", "0")])
        await link.run([("XREADGROUP", "GROUP", "toy", "w", "STREAMS", keys.claims("toy"), ">")])
        for _ in range(2):
            await self.release(link, entry)
            assert await link.call("XLEN", keys.claims("toy")) == 0
            assert await link.call("HLEN", keys.index("toy")) == 0
            assert (await link.call("XPENDING", keys.claims("toy"), "toy"))[0] == 0

    async def test_a_late_release_does_not_hit_a_new_claim_of_that_name(self, link):
        (old,) = await link.evaluate([register("toy", "s.0", {})])
        await self.release(link, old)
        (new,) = await link.evaluate([register("toy", "s.0", {})])
        await self.release(link, old)
        assert await link.call("HGET", keys.index("toy"), "s.0") == new
        assert await link.call("XLEN", keys.claims("toy")) == 1

    async def test_stages_do_not_share_claims(self, link):
        await link.evaluate([register("toy", "s.0", {}), register("other", "s.0", {})])
        for stage in ("toy", "other"):
            assert await link.call("XLEN", keys.claims(stage)) == 1


@pytest.mark.parametrize("script", [scripts.REGISTER, scripts.RELEASE, scripts.COMMIT])
async def test_redis_knows_each_script_by_its_digest(link, script):
    assert await link.call("SCRIPT", "LOAD", script.source) == script.digest.encode()
