"""Who works on what: adoption, take-over, fencing, drain. Every sample counts, once."""

import asyncio
import random

import pytest

from common.bus import keys, wire
from common.pipeline.report import WORKER_REPORT, VadLoad
from common.pipeline.text import ITEM, End
from tests.integration.common.stage.toy import (
    BRISK,
    Call,
    ToyWorkers,
    calls,
    finish,
    nothing_left,
    owned,
    speaking,
)
from tests.integration.conftest import wait_until


async def test_a_call_from_its_first_sample_to_its_last(link, workers):
    worker = await workers.add()
    (call,) = await calls(link, 1)
    async with speaking(call):
        await wait_until(lambda: call.position > 20_000, "it has spoken")
    await call.control("flush")
    await call.control("flush")
    await finish(call)
    await nothing_left(link)
    await wait_until(lambda: not worker.owned, "it has let go")
    assert worker.stage.opened == [("call0.0", 1, False)]
    ((number, fields),) = await link.call("XRANGE", call.leg.key("text"), "-", "+")
    assert number == b"1-1"
    assert ITEM.unpack(fields[3]) == End()


async def test_controls_before_any_audio_are_heard(link, workers):
    await workers.add()
    (call,) = await calls(link, 1)
    await call.control("flush")
    await finish(call)
    await nothing_left(link)


async def test_two_workers_share_the_calls_and_none_is_done_twice(link, workers):
    started = [await workers.add(slots=3), await workers.add(slots=4)]
    made = await calls(link, 7)
    async with speaking(*made):
        await wait_until(lambda: len(owned(*started)) == 7, "all are adopted")
        assert owned(*started) == [f"call{number}.0" for number in range(7)]
        assert [len(worker.owned) for worker in started] == [3, 4]
    await finish(*made)
    await nothing_left(link)
    assert sum(len(worker.stage.opened) for worker in started) == 7


async def test_what_finds_no_slot_waits_until_one_is_free(link, workers):
    started = [await workers.add(slots=1), await workers.add(slots=2)]
    made = await calls(link, 5)
    async with speaking(*made):
        await wait_until(lambda: len(owned(*started)) == 3, "all slots are taken")
        await asyncio.sleep(0.3)
        assert len(owned(*started)) == 3
    first = [call for call in made if str(call.leg) in owned(*started)]
    await finish(*first)
    await finish(*(call for call in made if call not in first))
    await nothing_left(link)


async def test_no_worker_adopts_more_than_it_has_slots_for(link, workers):
    """Not even what it takes over while it waits for new ones."""
    victim = await workers.add(settings=BRISK)
    made = await calls(link, 8)
    await wait_until(lambda: len(victim.owned) == 8, "it owns them all")
    heir = await workers.add(settings=BRISK)
    await victim.kill()
    await wait_until(lambda: heir.owned, "the lease has run out")
    more = [Call(link, f"more{number}") for number in range(8)]
    for call in more:
        await call.open()
    other = await workers.add()
    await wait_until(lambda: len(heir.owned) + len(other.owned) == 16, "all are adopted")
    assert len(heir.owned) == len(other.owned) == 8
    await finish(*made, *more)
    await nothing_left(link)


async def test_a_work_item_offered_many_times_has_one_owner(link, workers):
    started = [await workers.add(), await workers.add()]
    (call,) = await calls(link, 1)
    for _ in range(5):
        await call.offer()
    await call.say(5000)
    await call.complete()
    for _ in range(5):
        await call.offer()
    await finish(call)
    await nothing_left(link)
    assert sum(len(worker.stage.opened) for worker in started) == 1


async def test_a_killed_workers_calls_go_on_elsewhere(link, workers):
    victim = await workers.add(settings=BRISK)
    made = await calls(link, 6)
    await wait_until(lambda: len(victim.owned) == 6, "it owns them all")
    heir = await workers.add(settings=BRISK)
    async with speaking(*made):
        # Past a checkpoint, so that the heir starts from one.
        while min([await call.saved() for call in made]) == wire.NOTHING:
            await asyncio.sleep(0.01)
        spoken = made[0].position
        await victim.kill()
        await wait_until(lambda: len(heir.owned) == 6, "the lease has run out")
        await wait_until(lambda: made[0].position > spoken + 30_000, "they go on")
    assert {saved for _, _, saved in heir.stage.opened} == {True}
    assert {epoch for _, epoch, _ in heir.stage.opened} == {2}
    await finish(*made)
    await nothing_left(link)


async def test_a_kill_before_the_first_checkpoint_loses_nothing(link, workers):
    victim = await workers.add(settings=BRISK)
    made = await calls(link, 3)
    for call in made:
        await call.say(20_000)
        await call.complete()
    await victim.kill()
    heir = await workers.add(settings=BRISK)
    await finish(*made)
    assert {saved for _, _, saved in heir.stage.opened} == {False}


async def test_controls_at_the_position_of_a_checkpoint_are_obeyed_once(link, workers):
    victim = await workers.add(settings=BRISK)
    (call,) = await calls(link, 1)
    await call.say(5 * 1000)
    await call.control("flush")
    await call.complete()
    while await call.saved() != wire.StreamId(5000, 2):
        await asyncio.sleep(0.01)
    await victim.kill()
    await call.control("flush")
    heir = await workers.add(settings=BRISK)
    await call.control("flush")
    await finish(call)
    assert {saved for _, _, saved in heir.stage.opened} == {True}


async def test_kills_upon_kills_leave_every_sample_in_its_place(link, workers):
    made = await calls(link, 6)
    alive = [await workers.add(f"first-{number}", slots=4, settings=BRISK) for number in range(2)]
    async with speaking(*made):
        for turn in range(5):
            await asyncio.sleep(random.uniform(0.2, 0.7))
            victim = alive.pop(random.randrange(len(alive)))
            alive.append(await workers.add(f"turn-{turn}", slots=4, settings=BRISK))
            await victim.kill()
    await wait_until(lambda: len(owned(*alive)) == 6, "all are taken over")
    await finish(*made)
    await nothing_left(link)


async def test_a_paused_owner_is_fenced_and_lets_go(link, workers):
    sleeper = await workers.add("sleeper", settings=BRISK)
    made = await calls(link, 3)
    async with speaking(*made):
        await wait_until(lambda: len(sleeper.owned) == 3, "it owns them")
        await wait_until(lambda: made[0].position > 5000, "it works")
        other = await workers.add("other", settings=BRISK)
        sleeper.stage.gate.clear()
        await wait_until(lambda: len(other.owned) == 3, "its lease has run out")
        assert len(sleeper.owned) == 3, "it believes to own them still"
        sleeper.stage.gate.set()
        await wait_until(lambda: not sleeper.owned, "it was refused")
        await asyncio.sleep(0.5)
        assert sleeper.owned == set(), "and takes nothing back"
        assert len(other.owned) == 3
    await finish(*made)
    assert len(other.stage.opened) == 3, "nobody disturbed the new owner"
    await nothing_left(link)


async def test_draining_hands_over_without_waiting_for_the_lease(link, workers):
    leaver = await workers.add("leaver")
    made = await calls(link, 4)
    async with speaking(*made):
        await wait_until(lambda: len(leaver.owned) == 4, "it owns them")
        heir = await workers.add("heir")
        await wait_until(lambda: made[0].position > 5000, "it works")
        await leaver.drain()
        await wait_until(lambda: len(heir.owned) == 4, "they changed hands")
    await finish(*made)
    assert leaver.stage.stopped
    await nothing_left(link)


async def test_even_a_drain_that_fails_hands_over_what_was_taken_and_not_begun(link, workers):
    stuck = await workers.add("stuck")
    first, second = await calls(link, 2)
    await wait_until(lambda: len(stuck.owned) == 2, "it owns them")
    stuck.stage.gate.clear()
    await first.say(3000)
    await wait_until(lambda: stuck.stage.held, "it is stuck")
    third = Call(link, "call2")
    await third.open()
    while (await link.call("XPENDING", keys.work_items("toy"), "toy"))[0] < 3:
        await asyncio.sleep(0.01)
    with pytest.raises(TimeoutError):
        await stuck.drain(deadline=0.2)
    heir = await workers.add("heir")
    await wait_until(lambda: len(heir.owned) == 3, "they changed hands")
    await finish(first, second, third)


async def test_a_leaving_worker_takes_nothing_back_from_its_heir(link, workers):
    sleeper = await workers.add("sleeper", settings=BRISK)
    (call,) = await calls(link, 1)
    await wait_until(lambda: sleeper.owned, "it owns it")
    sleeper.stage.gate.clear()
    await call.say(3000)
    heir = await workers.add("heir", settings=BRISK)
    await wait_until(lambda: heir.owned, "its lease has run out")
    with pytest.raises(TimeoutError):
        await sleeper.drain(deadline=0.1)
    await call.say(3000)
    await finish(call)
    assert len(heir.stage.opened) == 1, "it was not interrupted"


async def test_a_stage_that_finishes_drains_when_its_work_items_are_done(link, workers):
    leaver = await workers.add("leaver", finishes=True)
    made = await calls(link, 2)
    async with speaking(*made):
        await wait_until(lambda: len(leaver.owned) == 2, "it owns them")
        # A read that blocks when the drain begins may still bring a work item, which is then done.
        while not await taking(link, "leaver"):
            await asyncio.sleep(0.01)
        draining = asyncio.create_task(leaver.drain(deadline=10))
        while await taking(link, "leaver"):
            await asyncio.sleep(0.01)
        heir = await workers.add("heir", finishes=True)
        late = Call(link, "late")
        await late.open()
        await wait_until(lambda: heir.owned == {"late.0"}, "the other takes what comes")
        assert not draining.done()
    await finish(*made, late)
    await draining
    assert [key for key, _, _ in heir.stage.opened] == ["late.0"]
    await nothing_left(link)


async def taking(link, name):
    """Tell whether this worker waits for a work item right now."""
    clients = (await link.call("CLIENT", "LIST")).decode().splitlines()
    (client,) = [each for each in clients if f" name={name}:adopt " in each]
    return " flags=b " in client


async def test_a_stage_that_finishes_leaves_the_rest_at_the_deadline(link, workers):
    leaver = await workers.add("leaver", finishes=True)
    (call,) = await calls(link, 1)
    await call.say(3000)
    await call.complete()
    with pytest.raises(TimeoutError):
        await leaver.drain(deadline=0.2)
    await workers.add("heir", finishes=True)
    await finish(call)


async def test_a_work_item_whose_delivery_was_lost_is_found_by_the_next_beat(link, workers):
    worker = await workers.add("worker", slots=1)
    first, lost = await calls(link, 2)
    await wait_until(lambda: len(worker.owned) == 1, "it has no room to take the other")
    # Delivered to this consumer, but not to the process: its socket broke in between.
    taking = ("XREADGROUP", "GROUP", "toy", "worker", "STREAMS", keys.work_items("toy"), ">")
    ((_, ((_, fields),)),) = await link.call(*taking)
    if fields[1] == b"call0.0":
        first, lost = lost, first
    await wait_until(lambda: len(worker.owned) == 2, "it has found it")
    await finish(first, lost)
    await nothing_left(link)


async def test_a_work_item_taken_away_behind_its_owners_back_is_dropped(link, workers):
    worker = await workers.add("worker", settings=BRISK)
    (call,) = await calls(link, 1)
    await wait_until(lambda: worker.owned, "it owns it")
    ((entry, *_),) = await link.call("XPENDING", keys.work_items("toy"), "toy", "-", "+", 1)
    await link.call("XCLAIM", keys.work_items("toy"), "toy", "thief", 0, entry, "JUSTID")
    await wait_until(lambda: not worker.owned, "its beat told it")
    await wait_until(lambda: worker.owned, "the thief's lease has run out")
    await call.say(3000)
    await finish(call)


async def test_an_owner_that_opens_a_work_item_again_counts_once(link, workers):
    """A failover, or a slot that moves, proves nothing against it."""
    worker = await workers.add(settings=BRISK)
    (call,) = await calls(link, 1)
    await wait_until(lambda: worker.owned, "it owns it")
    for times in range(2, 5):
        worker.runner._publisher.generation -= 1  # as if the link's had risen
        opened = worker.stage.opened
        await wait_until(lambda: len(opened) == times, "it is opened again")  # noqa: B023
    await wait_until(lambda: worker.runner._slots, "it owns it again")
    (slot,) = worker.runner._slots.values()
    assert (slot.assignment.epoch, slot.assignment.candidate) == (4, False)
    await call.say(5000)
    await finish(call)


async def test_a_work_item_that_two_other_owners_did_not_finish_is_a_candidate(link, workers):
    (call,) = await calls(link, 1)
    for candidate in (False, False, True):
        worker = await workers.add(settings=BRISK)
        await wait_until(lambda: worker.runner._slots, "it owns it")  # noqa: B023
        (slot,) = worker.runner._slots.values()
        assert slot.assignment.candidate == candidate
        if not candidate:
            await worker.kill()
    await finish(call)


async def test_a_doorbell_wakes_and_a_lost_one_costs_only_time(link, workers):
    worker = await workers.add(woken=True)
    worker.stage.tick = 30.0
    (call,) = await calls(link, 1)
    await wait_until(lambda: worker.owned, "it owns it")
    await asyncio.sleep(0.2)  # the tick in hand is the old one
    for _ in range(3):
        await call.say(2000)
        await link.call(
            "XADD", keys.doorbell("toy", call.leg.doorbell), "*", str(call.leg), "audio"
        )
        await call.complete()


async def test_a_woken_work_item_is_stepped_without_news(link, workers):
    worker = await workers.add()
    worker.stage.tick = 30.0
    await calls(link, 1)
    await wait_until(lambda: worker.owned, "it owns it")
    await asyncio.sleep(0.2)
    worker.stage.gate.clear()
    (state,) = worker.stage.open_states
    state.wake()
    await wait_until(lambda: worker.stage.held, "it steps")
    worker.stage.gate.set()


async def test_a_long_backlog_is_read_without_waiting_for_ticks(link, workers):
    (call,) = await calls(link, 1)
    for _ in range(20):
        await call.say(30_000)
    worker = await workers.add()
    worker.stage.tick = 1.0  # one read per tick would take half a minute
    await call.complete()


async def test_what_comes_after_a_backlog_is_read_at_the_next_tick(link, workers):
    (call,) = await calls(link, 1)
    for _ in range(20):
        await call.say(30_000)
    worker = await workers.add()
    worker.stage.tick = 1.0  # as many of these as there were turns would be too many
    await call.complete()
    await call.say(30_000)
    await call.complete(timeout=5.0)


async def test_reports_say_how_much_room_there_is(link, workers: ToyWorkers):
    worker = await workers.add("worker", slots=5)
    await calls(link, 2)
    await wait_until(lambda: len(worker.owned) == 2, "it owns them")
    while True:
        packed = await link.call("HGET", keys.workers("toy"), "worker")
        report = WORKER_REPORT.unpack(packed)
        if report.used == 2:
            break
        await asyncio.sleep(0.01)
    assert report.slots == 5
    assert report.lag >= 0.0
    assert report.load == VadLoad(audio=0.0, recordings=0), "what the stage itself has to say"
    assert worker.runner.ready() is None
    assert worker.runner.live() is None
    await worker.drain()
    assert await link.call("HEXISTS", keys.workers("toy"), "worker") == 0
    assert worker.runner.ready() == "draining"
