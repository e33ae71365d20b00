"""Work items that no worker can carry out: put aside, told, and not too many of them."""

import asyncio

import pytest

from bench.far import far_away
from common.bus import dead_letters, keys, scripts, wire
from common.bus.dead_letters import BURST, MOST_AUDIO_BYTES
from common.pipeline.text import ITEM
from common.redis.link import CommandError
from common.settings import StageSettings
from tests.integration.common.stage.toy import Call, calls, finish, nothing_left
from tests.integration.common.stage.toy_stage import GIVEN_UP
from tests.integration.conftest import wait_until


def letter(name, *, reason="why", body=b"a work item", audio=b"", entry=b"1-0"):
    return dead_letters.dead_letter(
        "toy",
        entry,
        name,
        body,
        reason=reason,
        worker="worker",
        attempts=3,
        audio=audio,
    )


class TestLetters:
    async def test_a_letter_is_written_once_however_often_it_is_sent(self, link):
        assert await link.evaluate([letter("a.0/1"), letter("a.0/1", reason="again")]) == [1, 1]
        (only,) = await dead_letters.letters(link, "toy")
        assert (only.key, only.reason, only.worker, only.attempts) == ("a.0/1", "why", "worker", 3)

    @pytest.mark.parametrize("audio", [b"\1\2", b""])
    async def test_what_it_is_about_lies_beside_it_for_a_while(self, link, audio):
        await link.evaluate([letter("a.0/1", body=b"words", audio=audio)])
        (only,) = await dead_letters.letters(link, "toy")
        assert await dead_letters.contents_of(link, "toy", only) == (b"words", audio)
        assert 0 < await link.call("TTL", keys.dead_contents("toy")) <= 24 * 3600
        await dead_letters.discard(link, "toy", only)
        assert await dead_letters.letters(link, "toy") == []
        assert await dead_letters.contents_of(link, "toy", only) is None

    async def test_it_has_no_words_itself(self, link):
        await link.evaluate([letter("a.0/1", body=b"words")])
        ((_, fields),) = await link.call("XRANGE", keys.dead("toy"), "-", "+")
        assert b"words" not in fields

    async def test_long_audio_is_left_out(self, link):
        await link.evaluate([letter("a.0/1", audio=bytes(MOST_AUDIO_BYTES + 2))])
        (only,) = await dead_letters.letters(link, "toy")
        assert await dead_letters.contents_of(link, "toy", only) == (b"a work item", b"")

    async def test_only_so_many_are_written_in_a_minute(self, link):
        calls = [letter("a.0/1", entry=b"%d-0" % number) for number in range(BURST)]
        assert not await dead_letters.breaker_open(link, "toy")
        assert await link.evaluate(calls) == [1] * BURST
        assert await dead_letters.breaker_open(link, "toy")
        assert await link.evaluate([letter("late", entry=b"99-0")]) == [0]
        assert await link.evaluate(calls[:1]) == [1], "what is there already stays"
        assert len(await dead_letters.letters(link, "toy")) == BURST

    async def test_letters_of_the_past_do_not_count(self, link):
        for number in range(2 * BURST):
            await link.call("XADD", keys.dead("toy"), f"{1000 + number}-0", "e", "x")
        assert not await dead_letters.breaker_open(link, "toy")
        assert await link.evaluate([letter("late", entry=b"99-0")]) == [1]


async def test_a_work_item_that_cannot_be_read_is_put_aside_and_the_worker_lives(link, workers):
    worker = await workers.add()
    (good,) = await calls(link, 1)
    bad = Call(link, "bad")
    await link.insist(
        [("HSET", bad.leg.meta, "session", b"x", "secret", b"x"), ("EXPIRE", bad.leg.meta, 60)]
    )
    foreign = b"\x81\xa1v\x63"  # a body of version 99
    register = (scripts.OFFER, (keys.work_items("toy"), keys.index("toy")), ("bad.0", foreign))
    await link.evaluate([register])
    while not (found := await dead_letters.letters(link, "toy")):
        await asyncio.sleep(0.01)
    assert (found[0].key, found[0].attempts) == ("bad.0", 1)
    assert await dead_letters.contents_of(link, "toy", found[0]) == (foreign, b"")
    assert "another wire version" in found[0].reason
    await good.say(3000)
    await finish(good)
    await nothing_left(link)
    assert worker.died() == []
    ((_, fields),) = await link.call("XRANGE", bad.leg.key("text"), "-", "+")
    assert ITEM.unpack(fields[3]) == GIVEN_UP


async def test_what_is_renewed_while_it_is_given_up_is_not_opened_again(
    link, redis_server, workers
):
    async with far_away(redis_server.port, 0.2) as port:
        worker = await workers.add(settings=StageSettings(heartbeat_s=0.05), port=port)
        worker.stage.hopeless.add("call0.0")
        await calls(link, 1)
        while not await dead_letters.letters(link, "toy"):
            await asyncio.sleep(0.01)
        await nothing_left(link)
        before = await link.call("XLEN", keys.dead("toy"))
        good = Call(link, "good")
        await good.open()
        await finish(good)
        await nothing_left(link)
        assert await link.call("XLEN", keys.dead("toy")) == before == 1
        assert not worker.runner._leases.waiting
        await worker.drain()


async def test_a_work_item_with_an_unreadable_entry_is_put_aside(link, workers):
    worker = await workers.add()
    good, bad = await calls(link, 2)
    await bad.say(1000)
    await bad.complete()
    await link.call(
        "XADD", bad.leg.key("audio"), f"{bad.position}-9", wire.CONTROL_FIELD, b"\x81\xa1v\x63"
    )
    await wait_until(lambda: worker.owned == {"call0.0"}, "it is dropped")
    assert [each.key for each in await dead_letters.letters(link, "toy")] == ["call1.0"]
    await finish(good)
    await nothing_left(link)


async def test_a_work_item_whose_entries_fail_is_put_aside_and_the_worker_lives(link, workers):
    worker = await workers.add()
    good, bad = await calls(link, 2)
    await bad.control("fail")
    while not (found := await dead_letters.letters(link, "toy")):
        await asyncio.sleep(0.01)
    assert found[0].key == "call1.0"
    assert found[0].reason == "ValueError: a control that nobody can carry out"
    await wait_until(lambda: worker.owned == {"call0.0"}, "it is dropped")
    await good.say(3000)
    await finish(good)
    await nothing_left(link)
    assert worker.died() == []


async def test_a_work_item_that_cannot_be_opened_is_put_aside(link, workers):
    worker = await workers.add()
    worker.stage.hopeless.add("call0.0")
    await calls(link, 1)
    while not (found := await dead_letters.letters(link, "toy")):
        await asyncio.sleep(0.01)
    assert found[0].reason == "KeyError: 'call0.0'"
    await nothing_left(link)


async def test_the_breaker_holds_work_items_back_and_they_are_done_when_it_closes(link, workers):
    worker = await workers.add(slots=16)
    made = await calls(link, BURST + 2)
    for call in made:
        await call.control("poison")
    await wait_until(worker.breaker_open, "the breaker is open")
    assert len(await dead_letters.letters(link, "toy")) == BURST
    assert await link.call("XLEN", keys.work_items("toy")) == 2
    assert worker.runner.ready() is None, "it can work"
    waiting = [call for call in made if not await link.call("EXISTS", call.leg.key("text"))]
    assert len(waiting) == 2
    other = Call(link, "other")
    await other.open()
    await other.say(3000)
    await finish(other)  # nobody waits for them
    worker.stage.poison = False
    await link.call("DEL", keys.dead("toy"))  # as if a minute had passed
    await finish(*waiting)
    await nothing_left(link)
    assert await dead_letters.letters(link, "toy") == []


async def test_candidates_are_not_even_begun_while_the_breaker_is_open(link, workers):
    await link.evaluate([letter("a.0/1", entry=b"%d-0" % number) for number in range(BURST)])
    call = Call(link, "candidate")
    # Two owners had it before.
    await link.insist(
        [
            ("XADD", call.leg.key("ckpt:toy"), "2-1", wire.OWNER_FIELD, "former"),
            ("EXPIRE", call.leg.key("ckpt:toy"), 60),
        ]
    )
    worker = await workers.add(finishes=True)
    await call.open()
    await call.say(2000)
    await wait_until(worker.breaker_open, "it is held back")
    assert worker.stage.held == 0
    assert await call.events() == []
    await link.call("DEL", keys.dead("toy"))
    await finish(call)
    await nothing_left(link)


async def test_what_the_breaker_holds_back_is_handed_over_by_a_leaving_worker(link, workers):
    leaver = await workers.add()
    made = await calls(link, BURST + 1)
    for call in made:
        await call.control("poison")
    await wait_until(leaver.breaker_open, "the breaker is open")
    await link.call("DEL", keys.dead("toy"))
    await leaver.drain()
    heir = await workers.add("heir")
    await wait_until(lambda: heir.stage.opened, "it has taken it")
    await nothing_left(link)


async def test_a_transaction_writes_all_or_nothing(server, own_link):
    """The server's own promise, on which the publisher relies."""
    write = ("XADD", "s", "5-1", "f", "x")
    server.fill()
    replies = await own_link.run([("MULTI",), write, ("XADD", "s", "5-2", "f", "x"), ("EXEC",)])
    assert isinstance(replies[-1], CommandError)
    assert str(replies[-1]).startswith("EXECABORT")
    server.make_room()
    assert await own_link.call("EXISTS", "s") == 0
