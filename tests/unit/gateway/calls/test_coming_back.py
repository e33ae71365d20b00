"""A session whose client is lost and resumes; other owners of a call: test_letting_go.py."""

import asyncio
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from common.bus import keys
from common.bus.wire import StreamId
from common.errors import BusUnavailable
from common.options import SessionOptions
from gateway.calls import opening
from gateway.protocols.commands import AudioFormat
from tests.unit.gateway.feed.test_results import end, item
from tests.unit.gateway.stand_ins import (
    CONFIG,
    FINALIZE,
    FLUSH,
    TOKEN,
    StoredCall,
    Table,
    eventually,
    quiet,
)

POLICY_VIOLATION = 1008
TELEPHONE = AudioFormat("mulaw", 8_000, 2)


@pytest.fixture
async def table() -> Table:
    return Table()


async def back(stored: StoredCall, seq: int = 0, **settings: Any) -> Table:
    """Let a client resume the call that Redis holds."""
    table = Table(**settings)
    table.around.call = stored
    await table.come_back(seq)
    return table


# --- a client that is lost ---


async def test_a_call_whose_connection_broke_is_not_ended(table):
    await table.open()
    table.conversation.receive(bytes(100))
    table.conversation.vanish()
    assert not table.conversation.present
    assert table.call.running
    assert table.written() == [bytes(100)]
    assert not table.ended


async def test_it_is_ended_when_its_client_has_not_come_back_in_time():
    table = Table(resume_s=0.001)
    await table.open()
    table.conversation.vanish()
    async with asyncio.timeout(5):
        while (written := table.written()) == []:
            await asyncio.sleep(0.001)
    assert written == [b"end"]
    table.deliver({table.text(): [end(1, 0)]})
    assert table.ended
    assert table.client.kinds == ["session_created"]


async def test_a_gateway_that_waits_for_nobody_ends_it_at_once():
    table = Table(resume_s=0)
    await table.open()
    table.conversation.vanish()
    assert table.written() == [b"end"]


async def test_a_new_client_that_is_lost_before_its_call_is_open_has_none_to_come_back_to(table):
    table.around.gate.clear()
    table.conversation.receive(CONFIG)
    table.conversation.vanish()
    table.around.gate.set()
    await quiet()
    assert table.written() == [b"end"]


async def test_one_that_is_lost_while_coming_back_has_not_ended_the_call():
    table = Table()
    table.around.call = StoredCall(StreamId(1600, 1))
    table.around.gate.clear()
    await table.come_back()
    table.conversation.vanish()
    table.around.gate.set()
    await quiet()
    assert table.call.running
    assert not table.conversation.present
    assert table.written() == []


async def test_while_nobody_is_there_results_wait_in_redis(table):
    await table.open()
    table.conversation.vanish()
    table.deliver({table.text(): [item(1, 1)]})
    assert table.client.kinds == ["session_created"]
    assert table.client.closed is None


async def test_a_client_that_is_lost_after_its_last_word_needs_no_waiting_for(table):
    await table.open()
    table.conversation.receive(FINALIZE)
    assert table.written() == [b"end"]
    table.conversation.vanish()
    assert table.written() == []
    table.deliver({table.text(): [end(1, 0)]})
    assert table.ended


# --- a client that resumes ---


async def test_it_is_told_from_where_to_go_on():
    table = await back(StoredCall(StreamId(48_000, 1), seq=4, controls=(3, 0)), seq=2)
    assert table.client.messages == [
        {
            "type": "session_created",
            "session_id": "call",
            "resume_token": str(TOKEN),
            "resumed": True,
            "position": 48_000,
            "seq": 4,
            "controls": 3,
        }
    ]
    assert table.conversation.id == table.call.throttle.session == "call"
    assert table.around.owner == table.call.owner.encode()
    assert table.around.listeners.keys() == {"call"}
    assert table.around.doorbells == ["first"]
    assert [*table.around.known_as.values()] == ["call"]
    assert table.around.looked_for == ["call"]
    assert table.sessions == 1
    assert table.metrics.resumptions._value.get() == 1
    # It was admitted when it was opened.
    assert table.around.work_items == []


async def test_the_former_gateway_is_told_to_look():
    table = await back(StoredCall(StreamId(0, 1), gateway="other"))
    (notification,) = [command for command in table.around.commands if command[0] == "XADD"]
    assert notification[1] == keys.out("other")
    assert notification[-2:] == ("call.0", b"owner")


async def test_no_other_gateway_takes_it_for_an_orphan():
    table = await back(StoredCall(StreamId(48_000, 1)))
    assert ("call",) in table.around.renewed


async def test_what_it_sends_then_goes_on_at_that_place():
    table = await back(StoredCall(StreamId(48_000, 1), controls=(2, 0)))
    table.conversation.receive(bytes(200))
    table.conversation.receive(FLUSH)
    (leg,) = table.call.intake.legs
    part = leg.dequeue()
    assert part is not None
    assert b"48100-1" in part[1]
    assert table.call.intake.position == 48_100
    # The flush is the client's third control.
    assert b"$1\r\n3\r\n" in part[1]


async def test_the_leg_that_has_less_decides_and_controls_count_when_both_have_them():
    stored = StoredCall(StreamId(32_000, 1), StreamId(31_000, 2), audio=TELEPHONE, controls=(2, 1))
    table = await back(stored)
    (created,) = table.client.messages
    # 31,000 at 16 kHz are 15,500 frames, less what the resampler's filter must have heard.
    assert created["position"] <= 15_500 - 47
    assert created["position"] >= 15_500 - 200
    assert created["controls"] == 1


async def test_options_that_were_changed_hold_on():
    options = replace(SessionOptions(), context="changed", silence_threshold=0.3)
    table = await back(StoredCall(StreamId(0, 1), options=options))
    table.conversation.receive(json.dumps({"type": "config", "language": "de"}))
    expected = replace(options, language="German")
    assert table.call.intake.record.options == expected


async def test_finals_that_it_has_are_not_told_again():
    table = await back(StoredCall(StreamId(0, 1), seq=2), seq=1)
    table.deliver({table.text(): [item(1, 1), item(2, 2)]})
    assert [m["seq"] for m in table.client.messages if m["type"] == "final"] == [2]


async def test_a_call_that_was_ended_tells_the_rest_and_closes():
    table = await back(StoredCall(StreamId(100, 2), controls=(1, 0), ends=(100, None)))
    assert table.client.messages[0]["ended"] is True
    assert table.written() == []
    table.conversation.receive(bytes(100))
    assert table.client.kinds == ["session_created", "finalized"]
    table.deliver({table.text(): [item(1, 1), end(2, 1)]})
    assert table.client.kinds[2:] == ["final"]
    assert table.client.closed == (1000, "finished")
    assert table.ended


async def test_a_call_of_which_only_one_leg_was_ended_waits_for_the_other():
    stream_ids = StreamId(100, 2), StreamId(100, 1)
    table = await back(StoredCall(*stream_ids, controls=(1, 0), ends=(100, None)))
    (created,) = table.client.messages
    assert created["controls"] == 0
    assert "ended" not in created
    table.conversation.receive(FINALIZE)
    assert table.written(channel=1) == [b"end"]


async def test_after_it_is_over_there_is_no_audio_and_its_end_says_where_that_was():
    stored = StoredCall(StreamId(0, 0), ends=(16_000, None))
    stored.last = lambda key: None  # type: ignore[method-assign]
    table = await back(stored)
    assert table.client.messages[0]["position"] == 16_000


@pytest.mark.parametrize("token", ["", "call", "call.", "call.wrong", ".secret", "c/ll.secret"])
async def test_a_wrong_token_gets_nothing(table, token):
    table.around.call = StoredCall(StreamId(0, 1))
    await table.come_back(token=token)
    assert table.client.kinds == ["resume_unknown"]
    assert table.client.closed == (POLICY_VIOLATION, "resume_unknown")
    assert table.ended
    assert table.around.owner is None
    assert table.refused("resume_unknown") == 1


async def test_a_call_that_redis_does_not_hold_is_unknown(table):
    await table.come_back()
    assert table.client.kinds == ["resume_unknown"]
    await table.disposed()
    assert table.around.commands == []
    assert table.around.left == [table.conversation.id]


async def test_who_passed_the_door_to_come_back_begins_no_new_call():
    """It was admitted although there may be no room for new calls."""
    table = Table(returning=True)
    await table.open()
    assert table.client.kinds == ["resume_expected"]
    assert table.client.closed == (POLICY_VIOLATION, "resume_expected")
    assert table.ended
    assert table.refused("resume_expected") == 1
    assert table.around.work_items == []
    await table.disposed()
    assert table.around.commands == []


async def test_who_passed_the_door_to_come_back_does():
    table = Table(returning=True)
    table.around.call = StoredCall(StreamId(1600, 1))
    await table.come_back()
    assert table.client.kinds == ["session_created"]


async def test_while_redis_is_away_it_is_asked_to_try_again(table):
    table.around.call = StoredCall(StreamId(0, 1))
    table.around.connected = False
    await table.come_back()
    assert table.client.kinds == ["unavailable"]
    assert table.client.closed == (1013, "unavailable")


async def test_a_bug_while_coming_back_leaves_the_call_to_another_try(table, monkeypatch):
    table.around.call = StoredCall(StreamId(0, 1))
    monkeypatch.setattr(table.store, "stored", lambda acquired: 1 / 0)
    await table.come_back()
    assert table.client.closed == (1011, "internal_error")
    await table.disposed()
    assert not [command for command in table.around.commands if command[0] == "UNLINK"]


@pytest.mark.parametrize(
    ("message", "code", "close_code"),
    [
        (FLUSH, "resuming", POLICY_VIOLATION),
        (bytes(2), "resuming", POLICY_VIOLATION),
        ("hello", "invalid_json", 1007),
    ],
)
async def test_one_that_goes_on_before_it_knows_where_is_sent_away_and_its_call_stays(
    message, code, close_code
):
    table = Table()
    table.around.call = StoredCall(StreamId(1600, 1))
    table.around.gate.clear()
    await table.come_back()
    table.conversation.receive(message)
    assert table.client.kinds == [code]
    assert table.client.closed == (close_code, code)
    table.around.gate.set()
    await quiet()
    assert table.call.running
    assert not table.conversation.present
    assert table.written() == []


async def test_one_that_repeats_an_option_that_is_not_so_is_sent_away_and_its_call_waits():
    table = Table(resume_s=0.001)
    table.around.call = StoredCall(StreamId(1600, 1))
    message = {"type": "config", "resume": str(TOKEN), "encoding": "mulaw"}
    await table.open(json.dumps(message))
    assert table.client.kinds == ["option_fixed"]
    assert table.client.closed == (POLICY_VIOLATION, "option_fixed")
    assert table.refused("option_fixed") == 1
    assert table.call.running
    assert not table.conversation.present
    assert table.metrics.resumptions._value.get() == 0
    # Like any other that is not resumed.
    await eventually(lambda: table.written() == [b"end"])


async def test_an_attempt_that_was_given_up_does_not_take_the_call_from_a_later_one(table):
    table.around.call = StoredCall(StreamId(1600, 1))
    await table.come_back(attempt=2)
    assert table.client.kinds == ["session_created"]
    owner = table.around.owner
    earlier = Table(beside=table)
    await earlier.come_back(attempt=1)
    assert earlier.client.kinds == ["resumed_elsewhere"]
    assert earlier.client.closed == (POLICY_VIOLATION, "resumed_elsewhere")
    await earlier.disposed()
    assert table.around.owner == owner
    assert table.client.closed is None
    assert list(table.calls) == [table.call]


# --- acknowledgements ---


async def test_audio_is_acknowledged_a_while_after_it_was_written(table):
    await table.open(json.dumps({"type": "config", "encoding": "pcm16", "events": ["audio_ack"]}))
    (leg,) = table.call.intake.legs
    for written in (16_000, 40_000, 48_000, 56_000, 64_000):
        leg.written = written
        leg.on_written()
    acked = [m["position"] for m in table.client.messages if m["type"] == "audio_ack"]
    assert acked == [16_000, 32_000]


async def test_nobody_is_told_of_it_unasked(table):
    await table.open()
    (leg,) = table.call.intake.legs
    leg.written = 640_000
    leg.on_written()
    assert table.client.kinds == ["session_created"]


async def test_a_resume_waits_out_a_redis_that_goes_away_meanwhile():
    table = Table()
    table.around.call = StoredCall(StreamId(1600, 1))
    table.around.objection = BusUnavailable("gone")
    table.around.gate.clear()
    await table.come_back()
    assert table.client.kinds == []
    table.around.gate.set()
    await quiet()
    assert table.client.kinds == ["session_created"]


async def test_two_connections_do_not_take_a_call_from_each_other_for_ever(monkeypatch):
    # However long twelve take: two seconds later one more may resume it.
    monkeypatch.setattr(opening, "time", SimpleNamespace(monotonic=lambda: 0.0))
    table = Table()
    table.around.call = StoredCall(StreamId(16_000, 1))
    refused = []
    for _ in range(12):
        other = Table(beside=table)
        await other.come_back()
        refused.append(other.client.closed == (1013, "unavailable"))
    assert refused == [False] * 10 + [True] * 2
    assert table.refused("resume_rate") == 2
