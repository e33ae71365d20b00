"""Checkpoints, trimming, pins, keys that live exactly as long as their session."""

import asyncio

import pytest

from common.bus import keys, scripts, wire
from common.pipeline.record import pack
from common.pipeline.text import Final
from common.stage import upkeep
from tests.integration.common.stage.toy import BRISK, Call, calls, finish, nothing_left, speaking
from tests.integration.common.stage.toy_stage import EVENTS
from tests.integration.conftest import wait_until


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do upkeep many times a second."""
    monkeypatch.setattr(upkeep, "SNAPSHOT_EVERY", 0.05)
    monkeypatch.setattr(upkeep, "_REFRESH_EVERY", 0.2)


async def first_position(link, call):
    entries = await link.call("XRANGE", call.leg.key("audio"), "-", "+", "COUNT", 1)
    return wire.id_halves(entries[0][0])[0] if entries else call.position


async def test_audio_and_checkpoints_stay_bounded_however_long_a_call_is(link, workers):
    await workers.add()
    (call,) = await calls(link, 1)
    for _ in range(40):
        await call.say(16_000)
        await call.complete()
        await asyncio.sleep(0.02)
    while await first_position(link, call) < call.position - 32_000:
        await asyncio.sleep(0.01)
    # Trimming frees whole nodes of 16 kB: about 8000 samples.
    assert await link.call("XLEN", call.leg.key("audio")) < 200
    assert await link.call("XLEN", call.leg.key("ckpt:toy")) <= 2
    await finish(call)


async def test_controls_do_not_pile_up_where_no_audio_follows_them(link, workers):
    """Whatever was obeyed goes, one by one: the audio before it is still needed."""
    worker = await workers.add(settings=BRISK)
    (call,) = await calls(link, 1)
    await call.say(16_000)
    for _ in range(20):
        for _ in range(50):
            await call.control("mark")
        await call.complete()
    while await link.call("XLEN", call.leg.key("audio")) > 200:
        await asyncio.sleep(0.01)
    assert await first_position(link, call) < 16_000
    heir = await workers.add(settings=BRISK)
    await worker.kill()
    await wait_until(lambda: heir.owned, "the lease has run out")
    await call.control("mark")
    await finish(call)


async def test_events_are_bounded_too(link, workers, monkeypatch):
    monkeypatch.setattr(EVENTS, "most", 100)
    await workers.add()
    (call,) = await calls(link, 1)
    for _ in range(10):
        await call.say(100_000)
    await call.control("end")
    await nothing_left(link)
    assert await link.call("XLEN", call.leg.key(EVENTS)) < 400


async def test_a_pin_holds_audio_until_its_item_is_in_the_text(link, workers):
    worker = await workers.add()
    (call,) = await calls(link, 1)
    await call.say(40_000)
    await call.control("pin", number=1)
    await call.say(400_000)
    await call.complete()
    while await first_position(link, call) < 10_000:
        await asyncio.sleep(0.01)  # trimmed up to the pin …
    await asyncio.sleep(0.3)
    assert await first_position(link, call) <= 40_000, "… and no further"
    commit = (*map(call.leg.key, ("text", "parked")), call.leg.meta, call.leg.key("part:1"))
    await link.evaluate([(scripts.COMMIT, commit, (1, pack(Final.empty(0, "silence")), 60, 8))])
    await wait_until(lambda: worker.stage.learned.get("call0.0") == 1, "the stage has learned it")
    while await first_position(link, call) < 300_000:
        await asyncio.sleep(0.01)


async def test_what_is_saved_together_is_collected_first(link, workers):
    stage = (await workers.add()).stage
    made = await calls(link, 5)
    for call in made:
        await call.say(16_000)
    await wait_until(lambda: len(stage.saved) >= 15, "checkpoints are written")
    assert stage.collected == stage.saved
    assert set(map(id, stage.saved)) == set(map(id, stage.open_states))
    await finish(*made)


async def test_a_checkpoint_is_all_that_a_take_over_needs(link, workers):
    victim = await workers.add(settings=BRISK)
    made = await calls(link, 3)
    async with speaking(*made):
        for _ in range(3):
            before = made[0].position
            while await first_position(link, made[0]) < before:
                await asyncio.sleep(0.01)
            heir = await workers.add(settings=BRISK)
            await victim.kill()
            while len(heir.owned) < 3:
                await asyncio.sleep(0.01)
            victim = heir
    await finish(*made)


@pytest.mark.parametrize("how", ["UNLINK", "HDEL"], ids=["gone", "broken off"])
async def test_work_items_of_a_session_that_is_over_are_released(link, workers, how):
    worker = await workers.add()
    gone, stays = await calls(link, 2)
    await wait_until(lambda: len(worker.owned) == 2, "it owns both")
    await link.call(how, gone.leg.meta, *(["secret"] if how == "HDEL" else []))
    await wait_until(lambda: worker.owned == {str(stays.leg)}, "it lets go of one")
    while await link.call("HEXISTS", keys.index("toy"), str(gone.leg)):
        await asyncio.sleep(0.01)
    assert await link.call("XLEN", keys.work_items("toy")) == 1
    assert (await link.call("XPENDING", keys.work_items("toy"), "toy"))[0] == 1
    await stays.say(5000)
    await finish(stays)
    await nothing_left(link)


async def test_a_work_item_whose_session_was_gone_before_it_was_taken_is_released(link, workers):
    call = Call(link, "ghost")
    await call.offer()
    await workers.add()
    await nothing_left(link)


async def test_keys_live_on_while_the_session_does(link, workers):
    worker = await workers.add()
    (call,) = await calls(link, 1)
    await wait_until(lambda: worker.owned, "it owns it")
    await call.say(5000)
    await call.complete()
    owned = [call.leg.key("ckpt:toy"), call.leg.key(EVENTS)]
    for key in owned:
        await link.call("EXPIRE", key, 2)
    while min([await link.call("TTL", key) for key in owned]) < keys.SESSION_TTL - 5:
        await asyncio.sleep(0.01)
    await finish(call)


async def test_what_is_to_live_longer_is_not_shortened(link, workers, monkeypatch):
    """A call's text outlives it for the retention, also while a worker still has some of it."""
    monkeypatch.setattr(upkeep, "_REFRESH_EVERY", 0.05)
    worker = await workers.add()
    (call,) = await calls(link, 1)
    await wait_until(lambda: worker.owned, "it owns it")
    await call.say(5000)
    await call.complete()
    output, checkpoint = call.leg.key(worker.stage.spec.output), call.leg.key("ckpt:toy")
    await link.call("EXPIRE", output, 5000)
    for _ in range(2):
        await link.call("EXPIRE", checkpoint, 2)
        while await link.call("TTL", checkpoint) < keys.SESSION_TTL - 5:
            await asyncio.sleep(0.01)
    assert await link.call("TTL", output) > 4000
    await finish(call)


async def test_a_session_whose_streams_are_gone_is_not_brought_back(link, workers):
    """What a late step writes must not stay for ever."""
    worker = await workers.add()
    (call,) = await calls(link, 1)
    await wait_until(lambda: worker.owned, "it owns it")
    worker.stage.gate.clear()
    await call.say(5000)
    await wait_until(lambda: worker.stage.held, "a step is under way")
    await link.call("UNLINK", call.leg.meta, *map(call.leg.key, ("audio", EVENTS, "ckpt:toy")))
    worker.stage.gate.set()
    await nothing_left(link)
    await wait_until(lambda: not worker.owned, "it has let go")


async def test_a_fenced_owner_does_not_trim_what_the_new_one_needs(link, workers, monkeypatch):
    monkeypatch.setattr(upkeep, "SNAPSHOT_EVERY", 2.0)
    sleeper = await workers.add("sleeper", settings=BRISK)
    (call,) = await calls(link, 1)
    await call.say(50_000)
    await call.complete()
    ((slot, state),) = [(slot, slot.state) for slot in sleeper.runner._slots.values()]
    assert slot.snapshot_due > asyncio.get_running_loop().time(), "nothing is saved yet"
    # It sleeps in a step that writes nothing, so that its checkpoint is what is refused.
    sleeper.stage.gate.clear()
    state.wake()
    heir = await workers.add("heir", settings=BRISK)
    await wait_until(lambda: heir.owned, "the lease has run out")
    await wait_until(
        lambda: asyncio.get_running_loop().time() > slot.snapshot_due, "a checkpoint is due"
    )
    assert await first_position(link, call) < 1000
    await heir.kill()
    sleeper.stage.gate.set()
    await wait_until(lambda: state not in sleeper.stage.open_states, "it was refused")
    assert await first_position(link, call) < 1000
    await finish(call)
