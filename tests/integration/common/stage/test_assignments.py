"""Ownership at the level of the consumer group."""

import asyncio

from common.bus import keys
from common.bus.offers import offer
from common.stage.assignments import Assignments
from tests.integration.common.stage.toy_stage import ToyWork

LEASE = 0.2


async def group(link, consumer, lease=LEASE):
    assignments = Assignments(link, "toy", consumer, lease)
    await assignments.prepare()
    return assignments


async def offered(link, *names):
    return await link.evaluate([offer("toy", name, ToyWork()) for name in names])


async def owners(link):
    pending = await link.call("XPENDING", keys.work_items("toy"), "toy", "-", "+", 1000)
    return {entry: consumer.decode() for entry, consumer, _, _ in pending}


async def expired(link, consumer):
    """Wait until the consumer's work items are as idle as a lease is long."""
    stream = keys.work_items("toy")
    query = ("XPENDING", stream, "toy", "IDLE", round(LEASE * 1000), "-", "+", 1000, consumer)
    total = len(await link.call("XPENDING", stream, "toy", "-", "+", 1000, consumer))
    while len(await link.call(*query)) < total:
        await asyncio.sleep(0.01)


async def test_a_new_work_item_goes_to_exactly_one(link):
    one, other = await group(link, "one"), await group(link, "other")
    await offered(link, "a.0", "b.0", "c.0")
    adopted = await one.adopt(link, 2, 10) + await other.adopt(link, 9, 10)
    assert [each.key for each in adopted] == ["a.0", "b.0", "c.0"]
    assert await one.adopt(link, 9, 10) == []
    assert list((await owners(link)).values()) == ["one", "one", "other"]


async def test_work_items_offered_before_the_first_worker_are_not_lost(link):
    await offered(link, "a.0")
    assert [each.key for each in await (await group(link, "one")).adopt(link, 9, 10)] == ["a.0"]


async def test_a_beat_tells_what_is_owned_and_what_of_it_is_unknown(link):
    assignments = await group(link, "one")
    first, second = await offered(link, "a.0", "b.0")
    await assignments.adopt(link, 9, 10)
    owned, strangers = await assignments.renew(known={first})
    assert owned == {first, second}
    assert [each.key for each in strangers] == ["b.0"]


async def test_a_beat_renews_the_lease_and_cannot_take_a_work_item_back(link):
    one, other = await group(link, "one"), await group(link, "other")
    (entry,) = await offered(link, "a.0")
    await one.adopt(link, 9, 10)
    await expired(link, "one")
    await one.renew(known=())
    assert await other.take_over(9) == []
    await expired(link, "one")
    assert [each.entry for each in await other.take_over(9)] == [entry]
    assert await one.renew(known=()) == (set(), [])
    assert await owners(link) == {entry: "other"}


async def test_a_take_over_finds_a_lost_work_item_behind_any_number_in_good_hands(link):
    dead, alive, third = [await group(link, name) for name in ("dead", "alive", "third")]
    # XAUTOCLAIM looks at no more than ten entries per work item asked for.
    await offered(link, *(f"{number}.0" for number in range(100)))
    await alive.adopt(link, 95, 10)
    lost = await dead.adopt(link, 99, 10)
    await expired(link, "dead")
    await alive.renew(known=())
    assert len(lost) == 5
    assert await third.take_over(1) == lost[:1]
    assert await third.take_over(3) == lost[1:4]
    await alive.renew(known=())
    assert await third.take_over(99) == lost[4:]
    assert list((await owners(link)).values()).count("alive") == 95


async def test_what_is_handed_over_can_be_taken_at_once(link):
    leaver, stayer = [await group(link, name, lease=60) for name in ("leaver", "stayer")]
    await offered(link, "a.0", "b.0", "c.0")
    a, b, _ = [each.entry for each in await leaver.adopt(link, 9, 10)]
    await leaver.hand_over([a, b])
    assert [each.entry for each in await stayer.take_over(9)] == [a, b]
    await leaver.hand_over([])


async def test_a_released_work_item_is_gone_for_everyone(link):
    one, other = await group(link, "one"), await group(link, "other")
    await offered(link, "a.0")
    ((entry, key, *_),) = await one.adopt(link, 9, 10)
    await expired(link, "one")
    await other.take_over(9)
    await one.release([(entry, key)])
    assert await other.renew(known=()) == (set(), [])
    assert await owners(link) == {}
    await other.release([(entry, key)])


async def test_an_entry_whose_work_item_was_deleted_under_its_owner_is_acknowledged(link):
    assignments = await group(link, "one")
    (entry,) = await offered(link, "a.0")
    await assignments.adopt(link, 9, 10)
    await link.call("XDEL", keys.work_items("toy"), entry)
    assert await assignments.renew(known=()) == (set(), [])
    assert await owners(link) == {}


async def test_preparing_again_changes_nothing(link):
    assignments = await group(link, "one")
    await offered(link, "a.0")
    await assignments.adopt(link, 9, 10)
    for name in ("one", "other"):
        await (await group(link, name)).prepare()
    assert list((await owners(link)).values()) == ["one"]
