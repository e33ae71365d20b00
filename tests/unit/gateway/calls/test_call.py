"""A call from its first message to its last final; resuming is in test_coming_back.py."""

import asyncio
import json
from typing import Any, cast

import pytest

from common.bus import keys, wire
from common.errors import AtCapacity, BusUnavailable, Unavailable
from gateway.calls import opening
from gateway.downlink.late_words import MOST_AWAITED
from gateway.uplink.writer import MOST_WAITING
from tests.unit.gateway.feed.test_results import end, item, later
from tests.unit.gateway.stand_ins import (
    CONFIG,
    FINALIZE,
    FLUSH,
    STEREO,
    WORDS,
    Table,
    eventually,
    quiet,
)

DENOISED, UNDENOISED = (json.dumps({"type": "config", "denoise": on}) for on in (True, False))


@pytest.fixture
async def table() -> Table:
    return Table()


async def test_a_call_opens_with_a_work_item_per_leg_and_stage(table):
    await table.open(STEREO)
    assert table.client.kinds == ["session_created"]
    legs = [f"{table.conversation.id}.{channel}" for channel in (0, 1)]
    assert sorted(table.around.work_items) == sorted(
        f"cs:v2:{{{stage}}}:work {leg}" for stage in ("denoise", "vad") for leg in legs
    )
    assert set(table.around.listeners) == {table.conversation.id}
    assert table.around.legs == set(table.call.intake.legs)


async def test_what_comes_while_opening_is_kept_in_order(table):
    table.around.gate.clear()
    table.conversation.receive(CONFIG)
    table.conversation.receive(bytes(200))
    table.conversation.receive(FLUSH)
    table.conversation.receive(bytes(100))
    table.conversation.receive(FINALIZE)
    await quiet()
    assert table.around.touched == set()
    table.around.gate.set()
    await quiet()
    assert table.written() == [bytes(200), b"flush", bytes(100), b"end"]


@pytest.mark.parametrize(
    ("objection", "code", "reason"),
    [
        (Unavailable("no asr worker is running", stage="asr"), "unavailable", "unavailable"),
        (AtCapacity("full", reason="vad_slots", retry_after=5), "at_capacity", "vad_slots"),
        (BusUnavailable("not connected to Redis"), "unavailable", "unavailable"),
    ],
)
async def test_a_call_that_cannot_be_taken_is_refused_at_once(table, objection, code, reason):
    table.around.objection = objection
    table.around.absent = ["asr"]
    await table.open()
    assert table.client.kinds == [code]
    assert table.client.closed == (1013, code)
    assert table.ended
    assert table.around.work_items == []
    assert table.refused(reason) == 1
    assert table.client.messages[-1].get("retry_after") == getattr(objection, "retry_after", None)
    assert table.sessions == 0


async def test_who_calls_while_redis_hangs_is_not_kept_waiting_for_ever(table, monkeypatch):
    monkeypatch.setattr(opening, "_PATIENCE", 0.01)
    table.around.gate.clear()
    table.conversation.receive(CONFIG)
    await eventually(lambda: table.ended)
    assert table.client.kinds == ["unavailable"]
    assert table.client.closed == (1013, "unavailable")
    assert table.refused("unavailable") == 1
    # What Redis executes later is removed after it.
    disposal = asyncio.create_task(table.disposed())
    await quiet()
    assert not disposal.done()
    table.around.gate.set()
    await disposal
    assert table.around.work_items == []


async def test_without_denoising_a_call_is_refused_or_goes_on_as_set():
    for policy, kinds in (
        ("refuse", ["unavailable"]),
        ("continue", ["denoise_unavailable", "session_created"]),
    ):
        table = Table(denoise_unavailable=policy)
        table.around.absent = ["denoise"]
        await table.open(STEREO)
        assert table.client.kinds == kinds
        assert not any("denoise" in item for item in table.around.work_items)


async def test_a_call_that_goes_on_without_denoising_is_never_denoised():
    table = Table(denoise_unavailable="continue")
    table.around.absent = ["denoise"]
    table.around.gate.clear()
    # Before it is known that no worker denoises, the client switches it off and on.
    for config in (DENOISED, UNDENOISED, DENOISED):
        table.conversation.receive(config)
    await quiet()
    table.around.gate.set()
    await quiet()
    assert table.call.intake.record.options.denoise is False
    table.conversation.receive(DENOISED)
    assert table.client.kinds == ["denoise_unavailable", "session_created", "option_fixed"]
    table.conversation.receive('{"type": "config", "language": "de"}')
    options = table.call.intake.record.options
    assert (options.language, options.denoise) == ("German", False)


async def test_a_call_that_is_denoised_may_switch_it(table):
    await table.open(DENOISED)
    for config, on in ((UNDENOISED, False), (DENOISED, True)):
        table.conversation.receive(config)
        record = table.call.intake.record
        assert (record.denoised, record.options.denoise) == (True, on)
    assert table.client.kinds == ["session_created"]


async def test_a_bug_while_opening_ends_the_call(table):
    table.around.objection = cast(Any, ZeroDivisionError())
    await table.open()
    assert table.client.kinds == ["internal_error"]
    assert table.client.closed == (1011, "internal_error")
    assert table.ended


async def test_the_socket_is_held_while_too_much_waits(table):
    await table.open()
    table.conversation.receive(bytes(MOST_WAITING))
    assert table.client.paused == []
    table.conversation.receive(bytes(2))
    assert table.client.paused == [True]
    (leg,) = table.around.touched
    leg.waiting = MOST_WAITING // 2 + 1
    leg.on_written()
    assert table.client.paused == [True]
    leg.waiting = MOST_WAITING // 2
    leg.on_written()
    assert table.client.paused == [True, False]


async def test_controls_alone_hold_it_too(table):
    await table.open()
    while not table.client.paused:
        table.conversation.receive(json.dumps({"type": "config", "context": "x" * 10_000}))
    (leg,) = table.around.touched
    assert leg.waiting < MOST_WAITING + 22_000  # the last change holds its context twice


async def test_a_client_that_hangs_up_is_heard_to_the_end(table):
    await table.open()
    table.conversation.receive(bytes(100))
    table.conversation.hang_up()
    assert table.written() == [bytes(100), b"end"]
    assert not table.ended
    table.conversation.hang_up()
    assert table.written() == []


async def test_one_that_hangs_up_before_its_call_has_left_nothing(table):
    table.conversation.hang_up()
    assert table.ended
    await table.disposed()
    assert table.around.commands == []


async def test_one_that_never_opens_its_call_is_sent_away(table):
    table.conversation.give_up()
    assert table.client.kinds == ["open_timeout"]
    assert table.client.closed == (1008, "open_timeout")
    assert table.ended


async def test_an_open_call_is_not_given_up(table):
    await table.open()
    table.conversation.give_up()
    table.conversation.overdue()
    assert table.client.closed is None


async def test_a_mistake_is_answered_and_a_fatal_one_ends_the_call(table):
    await table.open()
    table.conversation.receive("hello")
    assert table.client.kinds == ["session_created", "invalid_json"]
    assert table.client.closed is None
    other = Table()
    other.conversation.receive("hello")
    assert other.client.kinds == ["invalid_json"]
    assert other.client.closed == (1007, "invalid_json")
    assert other.ended


async def test_poisoned_audio_ends_the_call_with_what_came_before(table):
    await table.open('{"type": "config", "encoding": "float32"}')
    table.conversation.receive(bytes(400))
    table.conversation.receive(b"\x00\x00\xc0\x7f")
    assert table.client.kinds[-1] == "invalid_audio"
    assert table.client.closed == (1007, "invalid_audio")
    assert table.written() == [bytes(200), b"end"]


async def test_half_a_sample_is_reported(table):
    await table.open()
    table.conversation.receive(bytes(3))
    table.conversation.receive(FINALIZE)
    assert table.client.kinds == ["session_created", "truncated_sample"]
    assert table.written() == [bytes(2), b"end"]


async def test_half_a_sample_before_a_flush_is_reported_and_shifts_nothing(table):
    await table.open()
    table.conversation.receive(bytes(3))
    table.conversation.receive(FLUSH)
    assert table.client.kinds == ["session_created", "truncated_sample"]
    assert "at 0.00 s the audio stops 1 bytes into" in table.client.messages[-1]["message"]
    table.conversation.receive(b"\x01\x02")
    table.conversation.receive(FINALIZE)
    assert table.client.kinds == ["session_created", "truncated_sample"]
    assert table.written() == [bytes(2), b"flush", b"\x01\x02", b"end"]


async def test_mistakes_that_end_nothing_are_counted_and_logged_once(table, caplog):
    await table.open()
    for _ in range(3):
        table.conversation.receive("{}")
    table.conversation.receive("hello")
    count = table.metrics.mistakes.labels
    assert count("unknown_type")._value.get() == 3
    assert count("invalid_json")._value.get() == 1
    assert [each.message for each in caplog.records].count("session.mistake") == 2


async def test_a_bug_of_ours_ends_only_this_call(table):
    await table.open()
    table.conversation.fail(ZeroDivisionError())
    assert table.client.kinds[-1] == "internal_error"
    assert table.client.closed == (1011, "internal_error")
    assert table.written() == [b"end"]


async def test_results_that_cannot_be_read_end_the_call(table):
    await table.open()
    table.call.fail(ZeroDivisionError())
    assert table.client.kinds[-1] == "internal_error"
    assert table.client.closed == (1011, "internal_error")


async def test_finals_are_passed_on_and_the_last_item_closes(table):
    await table.open()
    text = table.text()
    table.conversation.receive(FINALIZE)
    table.deliver({text: [item(1, 1)]})
    assert table.client.kinds == ["session_created", "final"]
    assert not table.client.closed
    table.deliver({text: [end(2, 1)]})
    assert table.client.closed == (1000, "finished")
    assert table.ended
    table.deliver({})
    assert table.ended


@pytest.mark.parametrize(
    ("config", "absent", "align"),
    [
        (WORDS, [], True),
        (WORDS, ["align"], False),
        (CONFIG, [], True),  # it may turn words on
        (CONFIG, ["align"], False),
    ],
)
async def test_the_work_items_tell_whether_words_may_come_from_aligners(
    table, config, absent, align
):
    table.around.absent = absent
    await table.open(config)
    assert table.client.kinds == ["session_created"]
    assert [work.beside == {"align"} for work in table.around.offered] == [align]


async def spoken_to_the_end(table: Table, *text: wire.RawEntry) -> bytes:
    """Open a call for words and end it; its text is `text` and the end."""
    await table.open(WORDS)
    key = table.text()
    table.conversation.receive(FINALIZE)
    table.deliver({key: [*text, end(len(text) + 1, 9)]})
    return key


async def test_a_call_ends_when_the_words_of_its_finals_have_come(table):
    key = await spoken_to_the_end(table, item(1, 1, align="d"), item(2, 2, align="e"))
    assert table.client.kinds == ["session_created", "final", "final"]
    table.deliver({key: [later(3, 10, 2)]})
    assert not table.client.closed
    table.deliver({key: [later(3, 11, 1)]})
    assert table.client.kinds[3:] == ["words", "words"]
    assert table.client.closed == (1000, "finished")
    assert table.ended
    assert table.around.forgone == []


async def test_words_that_do_not_come_in_time_are_answered_in_the_text():
    table = Table(words_wait_s=0)
    key = await spoken_to_the_end(table, item(1, 1, align="d"), item(2, 2))
    assert table.client.closed is None
    await eventually(lambda: table.around.forgone)
    ((number, trouble),) = table.around.forgone
    assert (number, trouble) == (1, "the word times took too long")
    # What the text says counts: an aligner may have been quicker by a moment.
    assert table.client.closed is None
    table.deliver({key: [later(3, 10, 1, None, trouble)]})
    assert table.client.messages[-1]["words_unavailable"] == trouble
    assert table.client.closed == (1000, "finished")


async def test_a_call_that_is_over_waits_for_no_words():
    table = Table(words_wait_s=0)
    await spoken_to_the_end(table, item(1, 1, align="d"))
    table.call.lose("session_lost", "gone")
    await quiet()
    assert table.around.forgone == []


async def test_a_call_in_progress_gives_words_up_that_are_long_overdue(table, monkeypatch):
    await table.open(WORDS)
    key = table.text()
    clock = [0.0]
    monkeypatch.setattr("gateway.downlink.late_words.time.monotonic", lambda: clock[0])
    table.deliver({key: [item(1, 1, align="d")]})
    clock[0] = MOST_AWAITED / 2
    table.deliver({key: [item(2, 2, align="e")]})
    clock[0] = MOST_AWAITED
    table.call.output.forgo_overdue_words()
    assert table.around.forgone == []
    clock[0] = MOST_AWAITED + 1
    table.call.output.forgo_overdue_words()
    await eventually(lambda: table.around.forgone)
    assert [number for number, _ in table.around.forgone] == [1]


async def test_afterwards_working_keys_go_and_the_transcript_stays_a_while(table):
    await table.open()
    table.conversation.receive(FINALIZE)
    table.deliver({table.text(): [end(1, 0)]})
    table.around.commands.clear()
    await table.disposed()
    unlinked = {command[1] for command in table.around.commands if command[0] == "UNLINK"}
    kept = {command[1]: command[2] for command in table.around.commands if command[0] == "EXPIRE"}
    leg = table.call.intake.legs[0].leg
    assert {leg.key("audio"), leg.key("speech"), leg.key("ckpt:vad")} <= unlinked
    trace = keys.session_key(table.call.id, "trace")
    assert kept == {leg.meta: 300, leg.key("text"): 300, trace: 300}
    assert table.around.left == [table.conversation.id]
    assert table.around.listeners == {}
    assert table.around.legs == set()


@pytest.mark.parametrize("finalized", [False, True])
async def test_of_a_call_that_never_came_to_its_end_workers_let_go_at_once(table, finalized):
    await table.open()
    if finalized:
        table.conversation.receive(FINALIZE)
    table.call.lose("unfinished", "too late")
    table.around.commands.clear()
    await table.disposed()
    (leg,) = table.call.intake.legs
    assert ("HDEL", leg.leg.meta, "secret") in table.around.commands
    kept = {command[1]: command[2] for command in table.around.commands if command[0] == "EXPIRE"}
    trace = keys.session_key(table.call.id, "trace")
    assert kept == {leg.leg.meta: 300, leg.leg.key("text"): 300, trace: 300}
