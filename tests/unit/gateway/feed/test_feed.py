"""Doorbells and sweeps: which session is looked up when, and which is told what was found."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from common.bus import keys
from common.bus.keys import Leg
from common.bus.reading import MOST_ENTRIES
from common.errors import Misuse
from gateway.feed import feed
from tests.unit.gateway.feed.feed_house import OTHER, OWN, House, Session, text, until
from tests.unit.gateway.stand_ins import quiet


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    running = asyncio.create_task(house.feed.run())
    await until(lambda: keys.out(OWN) in house.redis.reading)
    yield house
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await until(lambda: house.redis.reading == [])


async def test_who_is_notified_is_looked_up_and_told(house):
    one, other = Session("one"), Session("other")
    for each in (one, other):
        house.feed.add(each.leg.session, each, OWN)
        text(house, each)
    house.redis.notify(OWN, b"one.0", b"text", b"one.0", b"part:3", b"one.1", b"speech")
    await until(lambda: one.told)
    assert one.asked == [{Leg("one", 0): {"text", "part:3"}, Leg("one", 1): {"speech"}}]
    assert other.asked == []
    assert house.answered("work") == 1


async def test_a_ring_for_nothing_and_for_a_stranger_is_idle(house):
    one = Session("one")
    house.feed.add("one", one, OWN)
    house.redis.notify(OWN, b"stranger.0", b"text", b"", b"")
    house.redis.notify(OWN, b"one.0", b"text")
    await until(lambda: one.asked)
    await until(lambda: house.answered("idle"))
    assert house.answered("work") == 0
    assert one.told == []


async def test_a_stream_that_is_read_whole_is_read_in_one_round(house):
    """Of two legs' texts, one read in part would put the other's later finals before its own."""
    one = Session("one", whole=True)
    house.feed.add("one", one, OWN)
    for _ in range(3 * MOST_ENTRIES):
        text(house, one)
    house.redis.notify(OWN, b"one.0", b"text")
    await until(lambda: one.told)
    assert (len(one.told), one.rounds) == (3 * MOST_ENTRIES, 1)
    await quiet()
    assert len(one.asked) == 1


async def test_who_has_more_than_is_read_at_once_is_looked_up_again(house):
    one = Session("one")
    house.feed.add("one", one, OWN)
    for _ in range(2 * MOST_ENTRIES + 1):
        text(house, one)
    house.redis.notify(OWN, b"one.0", b"text")
    await until(lambda: len(one.told) == 2 * MOST_ENTRIES + 1)
    assert len(one.asked) == 3


async def test_what_is_looked_for_needs_no_notification(house):
    one = Session("one")
    house.feed.add("one", one, OWN)
    text(house, one)
    await house.feed.look_for("one")
    assert len(one.told) == 1
    assert one.asked == [None]


async def test_the_sweep_finds_what_was_not_notified_and_keeps_doorbells_alive(house, monkeypatch):
    monkeypatch.setattr(feed, "SWEEP_EVERY", 0.001)
    one = Session("one")
    house.feed.add("one", one, OTHER)
    text(house, one)
    sweeping = asyncio.create_task(house.feed.sweep())
    await until(lambda: one.told)
    house.redis.commands.clear()
    await until(lambda: len(house.redis.commands) >= 8)
    kept = {(command[0], command[1]) for command in house.redis.commands}
    assert kept == {(name, keys.out(g)) for name in ("XADD", "EXPIRE") for g in (OWN, OTHER)}
    sweeping.cancel()


async def test_a_change_of_owner_is_a_doubt_and_nothing_is_read(house):
    one = Session("one")
    house.feed.add("one", one, OWN)
    house.redis.notify(OWN, b"one.0", b"owner", b"gone.0", b"owner")
    await until(lambda: one.doubts)
    assert one.asked == []


# --- the doorbells of other gateways ---


async def test_the_doorbell_of_a_call_that_was_taken_up_is_followed(house):
    one = Session("one")
    house.feed.add("one", one, OTHER)
    await until(lambda: keys.out(OTHER) in house.redis.reading)
    # Workers notify only a doorbell that is there.
    assert ("XADD", keys.out(OTHER)) in [c[:2] for c in house.redis.commands]
    text(house, one)
    house.redis.notify(OTHER, b"one.0", b"text")
    await until(lambda: one.told)


async def test_it_is_followed_once_and_as_long_as_a_call_is_notified_there(house):
    one, two = Session("one"), Session("two")
    house.feed.add("one", one, OTHER)
    house.feed.add("two", two, OTHER)
    await until(lambda: keys.out(OTHER) in house.redis.reading)
    assert house.redis.roles.count(f"doorbell:{OTHER}") == 1
    house.feed.remove("one", one, OTHER)
    text(house, two)
    house.redis.notify(OTHER, b"two.0", b"text")
    await until(lambda: two.told)
    house.feed.remove("two", two, OTHER)
    await until(lambda: keys.out(OTHER) not in house.redis.reading)
    await until(lambda: house.redis.roles.count("closed") == 1)
    # And again, when another call comes from there.
    house.feed.add("one", one, OTHER)
    await until(lambda: keys.out(OTHER) in house.redis.reading)


async def test_a_call_that_is_taken_up_twice_is_followed_on(house):
    older, newer = Session("one"), Session("one")
    house.feed.add("one", older, OTHER)
    house.feed.add("one", newer, OTHER)
    house.feed.remove("one", older, OTHER)
    await until(lambda: keys.out(OTHER) in house.redis.reading)
    text(house, newer)
    house.redis.notify(OTHER, b"one.0", b"text")
    await until(lambda: newer.told)
    assert older.told == []


async def test_while_redis_is_away_a_doorbell_is_followed_as_soon_as_it_is_back(house):
    house.redis.away = True
    one = Session("one")
    house.feed.add("one", one, OTHER)
    await asyncio.sleep(0.01)
    assert keys.out(OTHER) not in house.redis.reading
    house.redis.away = False
    await until(lambda: keys.out(OTHER) in house.redis.reading)


async def test_a_connection_that_breaks_misses_no_notification(house):
    one = Session("one")
    house.feed.add("one", one, OWN)
    house.redis.lost = True
    house.redis.notify(OWN, b"stranger.0", b"text")
    await until(lambda: house.answered("idle"))
    text(house, one)
    house.redis.notify(OWN, b"one.0", b"text")
    await until(lambda: one.told)


@pytest.mark.parametrize("doorbell", [OWN, OTHER])
async def test_a_doorbell_that_cannot_be_followed_ends_the_feed(doorbell):
    house = House()
    running = asyncio.create_task(house.feed.run())
    house.redis.broken = keys.out(doorbell)
    house.feed.add("one", Session("one"), OTHER)
    with pytest.raises(Misuse, match="no stream"):
        async with asyncio.timeout(5):
            await running
    await until(lambda: house.redis.reading == [])


async def test_one_that_is_not_followed_any_more_ends_nothing(house):
    one = Session("one")
    house.feed.add("one", one, OTHER)
    await until(lambda: keys.out(OTHER) in house.redis.reading)
    house.feed.remove("one", one, OTHER)
    await until(lambda: keys.out(OTHER) not in house.redis.reading)
    house.feed.add("two", two := Session("two"), OWN)
    text(house, two)
    house.redis.notify(OWN, b"two.0", b"text")
    await until(lambda: two.told)


async def test_what_one_call_cannot_read_ends_only_that(house):
    sessions = one, two, three = [Session(name) for name in ("one", "two", "three")]
    two.unreadable = ValueError("another release's")
    for each in sessions:
        house.feed.add(each.leg.session, each, OWN)
        text(house, each)
    house.redis.notify(OWN, b"one.0", b"text", b"two.0", b"text", b"three.0", b"text")
    await until(lambda: one.told and three.told and two.failures)
    assert (one.failures, three.failures) == ([], [])
    assert (two.failures, two.told) == ([two.unreadable], [])


# --- a session that is replaced ---


async def test_who_was_replaced_is_told_nothing_and_its_successor_only_after_its_own_cursors(house):
    older, newer = Session("one"), Session("one")
    house.feed.add("one", older, OWN)
    text(house, older)
    house.redis.gate.clear()
    looking = asyncio.create_task(house.feed.look_for("one"))
    await until(lambda: older.asked)
    # Replaced while a read from the former listener's cursors is on its way.
    house.feed.add("one", newer, OWN)
    house.redis.gate.set()
    await looking
    assert (older.told, newer.told) == ([], [])
    await house.feed.look_for("one")
    assert len(newer.told) == 1


async def test_who_was_replaced_takes_only_itself_away(house):
    older, newer = Session("one"), Session("one")
    house.feed.add("one", older, OWN)
    house.feed.add("one", newer, OWN)
    house.feed.remove("one", older, OWN)
    text(house, newer)
    await house.feed.look_for("one")
    assert len(newer.told) == 1
    house.feed.remove("one", newer, OWN)
    text(house, newer)
    await house.feed.look_for("one")
    assert len(newer.told) == 1


async def test_who_left_while_it_was_looked_up_is_told_nothing(house):
    one = Session("one")
    house.feed.add("one", one, OWN)
    text(house, one)
    house.redis.gate.clear()
    looking = asyncio.create_task(house.feed.look_for("one"))
    await until(lambda: one.asked)
    house.feed.remove("one", one, OWN)
    house.redis.gate.set()
    await looking
    assert one.told == []


async def test_two_looks_at_once_tell_the_same_news_once(house):
    one = Session("one")
    house.feed.add("one", one, OWN)
    text(house, one)
    house.redis.gate.clear()
    looks = [asyncio.create_task(house.feed.look_for("one")) for _ in range(3)]
    await until(lambda: one.asked)
    await quiet()
    house.redis.gate.set()
    await asyncio.gather(*looks)
    assert len(one.told) == 1


# --- others that follow a session ---


async def test_all_who_follow_a_session_are_told_from_their_own_places_by_one_look(house):
    one, reader = Session("one"), Session("one")
    house.feed.add("one", one, OWN)
    text(house, one)
    await house.feed.look_for("one")
    house.feed.follow("one", reader, OWN)
    text(house, one)
    reads = len(house.redis.reads)
    await house.feed.look_for("one")
    assert len(house.redis.reads) == reads + 1
    assert (len(one.told), len(reader.told)) == (2, 2)
    assert (one.rounds, reader.rounds) == (2, 1)


async def test_one_that_is_far_behind_gets_all_and_repeats_nothing_to_others(house):
    one, reader = Session("one"), Session("one")
    house.feed.add("one", one, OWN)
    for _ in range(3 * MOST_ENTRIES):
        text(house, one)
    await house.feed.look_for("one")
    house.feed.follow("one", reader, OWN)
    text(house, one)
    await house.feed.look_for("one")
    assert len(one.told) == 3 * MOST_ENTRIES + 1
    assert reader.told == one.told


async def test_one_that_has_enough_holds_up_nobody_and_is_read_on_from_its_place(house):
    one, reader = Session("one"), Session("one")
    house.feed.add("one", one, OWN)
    house.feed.follow("one", reader, OWN)
    reader.full = True
    for _ in range(3 * MOST_ENTRIES):
        text(house, one)
    await house.feed.look_for("one")
    assert (len(one.told), reader.told) == (3 * MOST_ENTRIES, [])
    reader.full = False
    await house.feed.look_for("one")
    assert reader.told == one.told


async def test_a_call_of_another_gateway_is_heard_by_its_doorbell_as_long_as_one_follows_it(house):
    first, second = Session("one"), Session("one")
    house.feed.follow("one", first, OTHER)
    house.feed.follow("one", second, OTHER)
    await until(lambda: keys.out(OTHER) in house.redis.reading)
    text(house, first)
    house.redis.notify(OTHER, b"one.0", b"text", b"one.0", b"owner")
    await until(lambda: first.told and second.told)
    assert (first.doubts, second.doubts) == (1, 1)
    house.feed.leave("one", first, OTHER)
    await until(lambda: keys.out(OTHER) in house.redis.reading)
    house.feed.leave("one", second, OTHER)
    await until(lambda: keys.out(OTHER) not in house.redis.reading)


async def test_what_one_cannot_read_ends_nothing_of_another(house):
    one, reader = Session("one"), Session("one")
    house.feed.add("one", one, OWN)
    house.feed.follow("one", reader, OWN)
    reader.unreadable = ValueError("junk")
    text(house, one)
    await house.feed.look_for("one")
    assert len(one.told) == 1
    assert reader.failures == [reader.unreadable]


async def test_the_sweep_looks_for_those_who_follow_too(house, monkeypatch):
    monkeypatch.setattr(feed, "SWEEP_EVERY", 0.001)
    reader = Session("one")
    house.feed.follow("one", reader, OWN)
    text(house, reader)
    sweeping = asyncio.create_task(house.feed.sweep())
    await until(lambda: reader.told)
    sweeping.cancel()


async def test_many_who_ask_meanwhile_share_one_look_that_a_cancelled_one_leaves_to_them(house):
    sessions = [Session(name) for name in ("a", "b", "c", "d")]
    for each in sessions:
        house.feed.follow(each.leg.session, each, OWN)
        text(house, each)
    house.redis.gate.clear()
    looks = [asyncio.create_task(house.feed.look_for("a"))]
    await until(lambda: sessions[0].asked)
    looks += [asyncio.create_task(house.feed.look_for(name)) for name in "bcd"]
    await quiet()
    looks[0].cancel()
    house.redis.gate.set()
    await asyncio.gather(*looks, return_exceptions=True)
    assert [len(each.told) for each in sessions] == [1, 1, 1, 1]
    assert len(house.redis.reads) == 2
