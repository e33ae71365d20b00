"""A session that releases its call: to another connection, to another gateway, or to none."""

import asyncio
import json

import msgpack
import pytest

from common.bus import keys
from common.bus.keys import Leg
from common.bus.wire import StreamId
from common.options import SessionOptions
from common.pipeline.record import WIRE_VERSION, pack
from gateway.calls.state import State
from gateway.calls.store import Acquired
from gateway.conversations.reasons import FLOOD
from gateway.uplink.leg import StoredLeg
from tests.unit.gateway.feed.test_results import end, item
from tests.unit.gateway.stand_ins import (
    CONFIG,
    FINALIZE,
    TOKEN,
    StoredCall,
    Table,
    quiet,
)

OPTIONS = pack(SessionOptions())

POLICY_VIOLATION = 1008
STRUCK = ("ZREM", keys.sessions(), "call")
"""No gateway needs to end it any more."""


@pytest.fixture
async def table() -> Table:
    return Table()


# --- a call with another owner ---


async def test_the_newer_connection_has_the_call(table):
    table.around.call = StoredCall(StreamId(1600, 1))
    await table.come_back()
    newer = Table(beside=table)
    await newer.come_back()
    assert table.client.kinds == ["session_created", "resumed_elsewhere"]
    assert table.client.closed == (POLICY_VIOLATION, "resumed_elsewhere")
    assert table.ended
    assert list(table.calls) == [newer.call]
    assert table.sessions == 1
    # The same process: no gateway needs to be told.
    doorbells = [command for command in table.around.commands if command[0] == "XADD"]
    assert len(doorbells) == 1


async def test_what_the_older_holds_goes_and_the_call_stays(table):
    table.around.call = StoredCall(StreamId(1600, 1))
    await table.come_back()
    newer = Table(beside=table)
    await newer.come_back()
    await table.disposed()
    assert not [command for command in table.around.commands if command[0] == "UNLINK"]
    assert table.around.listeners == {"call": newer.call}
    assert table.around.left == []
    assert table.around.legs == set(newer.call.intake.legs)
    assert list(table.calls) == [newer.call]


async def test_of_two_that_come_back_at_once_the_later_has_the_call(table):
    table.around.call = StoredCall(StreamId(1600, 1))
    newer = Table(beside=table)
    for each in (table, newer):
        each.conversation.receive(json.dumps({"type": "config", "resume": str(TOKEN)}))
    await quiet()
    assert table.client.closed == (POLICY_VIOLATION, "resumed_elsewhere")
    assert newer.client.kinds == ["session_created"]
    assert list(table.calls) == [newer.call]
    assert table.sessions == 1
    # The call goes on to count for its client.
    await table.disposed()
    assert "call" not in table.around.left


async def test_a_doubt_is_settled_by_asking_redis(table):
    table.around.call = StoredCall(StreamId(1600, 1))
    await table.come_back()
    table.call.doubt()
    await quiet()
    assert table.client.closed is None
    table.around.owner = b"another"
    table.call.doubt()
    await quiet()
    assert table.client.kinds[-1] == "resumed_elsewhere"
    assert table.client.closed == (POLICY_VIOLATION, "resumed_elsewhere")


async def test_a_call_that_was_erased_is_told_so(table):
    await table.open()
    table.around.owner = b"erased"
    table.call.doubt()
    await quiet()
    assert table.client.kinds[-1] == "erased"
    assert table.client.closed == (1011, "erased")


async def test_who_learns_it_from_a_refused_control_lets_go(table):
    table.around.call = StoredCall(StreamId(1600, 1))
    await table.come_back()
    table.around.owner = b"another"
    (leg,) = table.call.intake.legs
    leg.on_superseded()
    await quiet()
    assert table.client.closed == (POLICY_VIOLATION, "resumed_elsewhere")
    await table.disposed()
    assert not [command for command in table.around.commands if command[0] == "UNLINK"]


# --- a gateway that ends, or dies ---


async def test_who_is_sent_away_is_told_how_long_the_call_waits():
    table = Table(resume_s=7)
    await table.open()
    table.conversation.receive(bytes(100))
    table.conversation.send_away()
    assert table.client.messages[-1]["code"] == "going_away"
    assert table.client.messages[-1]["resume_within"] == 7
    assert table.client.closed == (1012, "going_away")
    assert table.ended
    assert table.written() == [bytes(100)]
    table.around.commands.clear()
    await table.disposed()
    assert table.around.commands == []
    assert table.sessions == 0


async def test_one_without_a_call_is_sent_away_without_a_promise(table):
    table.conversation.send_away()
    assert table.client.kinds == ["going_away"]
    assert "resume_within" not in table.client.messages[-1]
    assert table.client.closed == (1012, "going_away")


async def test_one_whose_call_is_just_being_opened_is_sent_away_and_leaves_nothing(table):
    table.around.gate.clear()
    table.conversation.receive(CONFIG)
    table.conversation.send_away()
    table.around.gate.set()
    await quiet()
    assert table.client.kinds == ["going_away"]
    assert table.sessions == 0
    await table.disposed()
    unlinked = [command[1] for command in table.around.commands if command[0] == "UNLINK"]
    assert Leg(table.conversation.id, 0).key("audio") in unlinked


async def left_alone(table: Table) -> bool:
    """Whether the disposed call has left everything in Redis to another gateway."""
    table.around.commands.clear()
    await table.disposed()
    return table.around.commands == [] and table.around.left == []


@pytest.mark.parametrize(("finalized", "written"), [(False, []), (True, [b"end"])])
async def test_one_that_is_lost_while_the_gateway_drains_is_for_another_gateway(finalized, written):
    table = Table()
    await table.open()
    if finalized:
        table.conversation.receive(FINALIZE)
    table.around.closed = True
    table.conversation.vanish()
    assert table.ended
    assert table.written() == written
    assert await left_alone(table)


async def test_one_that_hangs_up_while_the_gateway_drains_is_heard_to_the_end(table):
    await table.open()
    table.around.closed = True
    table.conversation.hang_up()
    assert not table.ended
    assert table.written() == [b"end"]


@pytest.mark.parametrize("events", [[], ["audio_ack"]])
async def test_one_that_opens_its_call_just_as_the_gateway_drains_goes_if_it_comes_back(
    table, events
):
    table.around.gate.clear()
    table.conversation.receive(
        json.dumps({"type": "config", "encoding": "pcm16", "events": events})
    )
    table.conversation.receive(bytes(100))
    table.around.closed = True
    table.around.gate.set()
    await quiet()
    assert table.written() == [bytes(100)]
    if not events:
        assert table.client.closed is None
        return
    assert table.client.kinds == ["session_created", "going_away"]
    assert table.client.closed == (1012, "going_away")
    assert await left_alone(table)


@pytest.mark.parametrize("lost", [False, True])
async def test_one_that_comes_back_just_as_the_gateway_drains_goes_on_to_another(table, lost):
    table.around.call = StoredCall(StreamId(1600, 1), events=frozenset(("audio_ack",)))
    table.around.gate.clear()
    await table.come_back()
    if lost:
        table.conversation.vanish()
    table.around.closed = True
    table.around.gate.set()
    await quiet()
    assert table.client.kinds == ([] if lost else ["session_created", "going_away"])
    assert table.ended
    assert table.written() == []
    assert await left_alone(table)


@pytest.mark.parametrize("stored", [StoredCall(StreamId(1600, 1)), None])
async def test_one_that_is_sent_away_while_it_comes_back_never_has_the_call(table, stored):
    table.around.call = stored
    table.around.gate.clear()
    await table.come_back()
    table.conversation.send_away()
    table.around.gate.set()
    await quiet()
    assert table.client.kinds == ["going_away"]
    assert table.client.closed == (1012, "going_away")
    assert table.ended
    assert not len(table.calls)
    assert table.around.listeners == {}
    assert table.sessions == 0
    await table.disposed()
    assert not [command for command in table.around.commands if command[0] == "UNLINK"]


@pytest.mark.parametrize(("events", "returns"), [([], False), (["audio_ack"], True)])
async def test_who_takes_acknowledgements_is_one_who_comes_back(table, events, returns):
    assert not table.conversation.returns
    await table.open(json.dumps({"type": "config", "encoding": "pcm16", "events": events}))
    assert table.conversation.returns is returns


async def test_an_orphaned_call_is_ended_in_its_place(table):
    table.around.call = StoredCall(StreamId(1600, 1), StreamId(1600, 3), seq=2)
    table.around.owner = b"former"
    await table.adopt()
    assert table.call.running
    assert table.written(0) == [b"end"]
    assert table.written(1) == [b"end"]
    for channel in (0, 1):
        table.deliver({table.text(channel): [end(1, 2)]})
    assert table.call.state is State.ENDED
    assert not len(table.calls)


async def test_an_orphan_that_is_gone_needs_no_end(table):
    await table.adopt()
    assert not len(table.calls)
    assert STRUCK in table.around.commands
    assert table.around.left == []


@pytest.mark.parametrize(
    "record",
    [
        (b"\xc1", OPTIONS),
        (msgpack.packb({"v": WIRE_VERSION}), OPTIONS),
        (msgpack.packb({"denoise": True, "audio": {"a": 1}, "v": WIRE_VERSION}), OPTIONS),
    ],
)
async def test_an_orphan_that_cannot_be_read_is_tried_once(table, record):
    table.around.call = stored = StoredCall(StreamId(1600, 1))
    meta = [*record, *stored.meta()[2:]]
    stored.meta = lambda: meta  # type: ignore[method-assign]
    await table.adopt("")
    assert not len(table.calls)
    assert "call" not in table.calls
    assert STRUCK in table.around.commands


async def test_an_orphan_whose_client_has_resumed_it_meanwhile_is_not_ended(table):
    table.around.call = StoredCall(StreamId(1600, 1))
    table.around.owner = b"another"
    await table.adopt()
    assert table.around.owner == b"another"
    assert STRUCK not in table.around.commands
    assert not len(table.calls)
    assert "call" not in table.calls


async def test_an_orphan_that_is_resumed_while_it_is_read_goes_to_its_client(table, monkeypatch):
    table.around.call = StoredCall(StreamId(1600, 1))
    table.around.owner = b"former"
    newer = Table(beside=table)
    stored, read = table.store.stored, asyncio.Event()

    async def slowly(acquired: Acquired) -> list[StoredLeg]:
        await read.wait()
        found: list[StoredLeg] = await stored(acquired)
        return found

    monkeypatch.setattr(table.store, "stored", slowly)
    adopting = asyncio.create_task(table.adopt())
    await quiet()
    await newer.come_back()
    read.set()
    await adopting
    await quiet()
    assert newer.client.kinds == ["session_created"]
    assert list(table.calls) == [newer.call]
    assert newer.written() == []


async def test_a_bug_while_an_orphan_is_taken_over_is_no_end_of_the_gateway(table, monkeypatch):
    table.around.call = StoredCall(StreamId(1600, 1))
    table.around.owner = b"former"
    monkeypatch.setattr(table.store, "stored", lambda acquired: 1 / 0)
    await table.adopt()
    assert not len(table.calls)
    assert "call" not in table.calls


async def test_a_client_that_resumes_an_orphan_after_all_gets_what_it_says(table):
    table.around.call = StoredCall(StreamId(1600, 1))
    table.around.owner = b"former"
    await table.adopt()
    table.around.call = StoredCall(StreamId(1600, 2), ends=(1600, None), gateway="g")
    newer = Table(beside=table)
    await newer.come_back()
    newer.deliver({newer.text(): [item(1, 1), end(2, 1)]})
    assert newer.client.kinds == ["session_created", "final"]
    assert newer.client.closed == (1000, "finished")


async def test_a_client_that_floods_is_told_and_what_it_said_is_still_transcribed(table):
    await table.open()
    table.conversation.receive(bytes(320))
    table.conversation.refuse(FLOOD)
    assert table.client.kinds[-1] == "message_rate"
    assert table.client.closed == (1008, "message_rate")
    assert table.refused("message_rate") == 1
    assert table.written()[-1] == b"end"


async def test_a_connection_without_a_call_is_one_that_may_go_first(table):
    second = Table(beside=table)
    newcomers = table.shared.newcomers
    assert len(newcomers) == 2
    await second.open()
    assert not newcomers.make_room("another"), "its first message is under way"
    third = Table(beside=table)
    assert newcomers.make_room("another"), "it keeps as many as the other has"
    assert table.client.closed == (1008, "open_timeout")
    await third.open()
    assert len(newcomers) == 0


async def test_of_the_calls_of_one_client_that_is_gone_the_oldest_ends_beyond_a_bound():
    first = Table(max_absent_per_key=1)
    second = Table(beside=first)
    for each in (first, second):
        await each.open()
        each.conversation.vanish()
    assert first.written()[-1] == b"end"
    assert second.written() == []
