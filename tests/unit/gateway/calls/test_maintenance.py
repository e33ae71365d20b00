"""A gateway's periodic work for its calls."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from common.bus import keys, wire
from common.bus.keys import Leg
from common.bus.wire import StreamId
from common.pipeline.progress import Progress
from common.pipeline.record import pack
from gateway.calls import maintenance
from tests.unit.gateway.stand_ins import FINALIZE, StoredCall, Table, quiet

WITH_LAG = json.dumps({"type": "config", "encoding": "pcm16", "events": ["lag"]})


class Rig:
    """The maintenance of one gateway, and a call that it maintains."""

    def __init__(self, table: Table | None = None, **settings: Any) -> None:
        self.table = Table(**settings) if table is None else table
        self.around = self.table.around
        self.asked_silence: list[int] = []
        self.orphans: list[bytes] = []
        """Orphaned calls that no gateway has adopted yet."""
        self.adopted_in: list[int] = []
        """The rounds, from 0 on, in which it looked for them."""
        self.checkpoints: dict[bytes, Any] = {}
        self.oldest: dict[bytes, int] = {}
        """The position of the first audio that Redis still has."""
        self.around.extra = self._answer
        self.around.orphans = self._orphans
        self.maintenance = self.table.maintenance()

    def _answer(self, command: Any) -> Any:
        if command[0] == "XRANGE":
            oldest = self.oldest.get(command[1])
            return [] if oldest is None else [(b"%d-1" % oldest, {})]
        if command[0] == "XREVRANGE":
            entry = self.checkpoints.get(command[1])
            return [] if entry is None else [(b"1-2", entry)]
        return None

    def _orphans(self, silence: int, take: bool) -> list[bytes]:
        self.asked_silence.append(silence)
        found = self.orphans
        if take:
            self.orphans = []
        else:
            self.adopted_in.append(len(self.around.counted) - 1)
        return found

    @asynccontextmanager
    async def running(self, work: str) -> AsyncIterator[None]:
        task = asyncio.create_task(getattr(self.maintenance, work)())
        yield
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def round(self) -> None:
        """Let it do all its work once, at least."""
        before = len(self.asked_silence)
        async with self.running("renew_for_ever"):
            await until(lambda: len(self.asked_silence) > before)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Its clock, to be set: no round is too long, however long it really takes."""
    now = [time.monotonic()]
    monkeypatch.setattr(maintenance, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(maintenance, "RENEW_EVERY", 0.002)
    monkeypatch.setattr(maintenance, "_LOOK_EVERY", 0.001)
    return now


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


async def a_call(config: str | None = None) -> Table:
    table = Table()
    await (table.open(config) if config else table.open())
    table.around.owner = table.call.owner.encode()
    return table


async def test_living_calls_are_kept_alive():
    table = await a_call()
    rig = Rig(table)
    rig.around.renewed.clear()
    rig.around.commands.clear()
    await rig.round()
    assert (table.conversation.id,) in rig.around.renewed
    kept = {command[1] for command in rig.around.commands if command[0] == "EXPIRE"}
    assert Leg(table.conversation.id, 0).meta in kept
    assert rig.around.counted[0] == [table.conversation.id]
    assert table.client.closed is None


@pytest.mark.parametrize(("used_ms", "codes"), [(59_999, []), (60_000, ["key_audio"])])
async def test_a_call_ends_when_its_keys_audio_is_used_up(used_ms, codes):
    table = await a_call()
    record = table.call.intake.record
    table.call.intake.record = replace(record, key="key")
    rig = Rig(table)
    rig.around.most_audio, rig.around.audio_today = 60, used_ms
    await rig.round()
    assert table.client.kinds == ["session_created", *codes]
    assert (table.call.finishing_since is not None) is bool(codes)


async def test_audio_that_nobody_consumes_is_cut_off_after_five_minutes():
    table = await a_call()
    rig = Rig(table)
    (leg,) = table.call.intake.legs
    leg.position = 310 * 16_000
    await rig.round()
    trims = {command for command in rig.around.commands if command[0] == "XTRIM"}
    assert trims == {("XTRIM", leg.key, "MINID", "~", 10 * 16_000)}


async def test_denoised_audio_that_nobody_consumes_is_cut_off_too():
    table = await a_call(json.dumps({"type": "config", "encoding": "pcm16", "denoise": True}))
    rig = Rig(table)
    (leg,) = table.call.intake.legs
    leg.position = 310 * 16_000
    await rig.round()
    trims = {command for command in rig.around.commands if command[0] == "XTRIM"}
    assert trims == {
        ("XTRIM", leg.leg.key(kind), "MINID", "~", 10 * 16_000) for kind in ("audio", "clean")
    }


async def test_a_call_that_redis_has_lost_is_lost():
    table = await a_call()
    rig = Rig(table)
    rig.around.owner = None
    await rig.round()
    assert table.client.kinds[-1] == "session_lost"
    assert table.client.closed == (1011, "session_lost")


async def test_a_call_with_another_owner_is_let_go_and_its_client_may_come_back():
    """Redis may have lost the owner's name: then its client is still here."""
    table = await a_call()
    rig = Rig(table)
    rig.around.renewed.clear()
    rig.around.owner = b"another"
    await rig.round()
    assert table.client.kinds[-1] == "going_away"
    assert table.client.closed == (1012, "going_away")
    # It is not this gateway's to keep alive.
    assert (table.conversation.id,) not in rig.around.renewed


async def test_a_call_whose_last_words_never_come_is_given_up():
    table = await a_call()
    rig = Rig(table)
    table.conversation.receive(FINALIZE)
    await rig.round()
    assert table.client.closed is None
    assert table.call.finishing_since is not None
    table.call.finishing_since -= keys.SESSION_TTL + 60
    await rig.round()
    assert table.client.kinds[-1] == "unfinished"
    assert table.client.closed == (1011, "unfinished")


async def test_a_call_that_was_ended_before_it_was_resumed_is_given_up_too():
    table = Table()
    table.around.call = StoredCall(StreamId(100, 2), ends=(100, None))
    await table.come_back()
    rig = Rig(table)
    assert table.call.finishing_since is not None
    table.call.finishing_since -= keys.SESSION_TTL + 60
    await rig.round()
    assert table.client.kinds[-1] == "unfinished"


async def test_when_redis_has_come_back_older_the_work_items_are_opened_again_at_once(monkeypatch):
    monkeypatch.setattr(maintenance, "RENEW_EVERY", 3_600.0)
    table = await a_call()
    rig = Rig(table)
    rig.around.work_items.clear()
    async with rig.running("renew_for_ever"):
        await quiet()
        assert rig.around.work_items == []
        rig.around.generation += 1
        await until(lambda: rig.around.work_items)
    assert rig.around.work_items == [f"cs:v2:{{vad}}:work {table.conversation.id}.0"]


@pytest.mark.parametrize(("resume_s", "silence"), [(60, 60_002), (0, 6)])
async def test_orphans_are_ended_here_and_asked_for_late_enough(resume_s, silence):
    rig = Rig(resume_s=resume_s)
    rig.around.call = StoredCall(StreamId(1600, 1))
    rig.around.owner = b"former"
    rig.orphans = [b"call"]
    async with rig.running("renew_for_ever"):
        await until(lambda: len(rig.table.calls))
        (call,) = rig.table.calls
        await until(lambda: call.running)
    assert call.id == "call"
    assert not call.attended
    # A live gateway, even one that renews late after an outage, is not taken for dead.
    assert set(rig.asked_silence) == {silence}


async def test_what_has_another_owner_by_then_is_no_orphan():
    rig = Rig()
    rig.around.call = StoredCall(StreamId(1600, 1))
    rig.around.owner = b"former"
    rig.orphans = [b"call"]
    look = rig.around.orphans

    def back_just_then(silence: int, take: bool) -> list[bytes]:
        if take:
            rig.around.owner = b"its client's"
        return look(silence, take)

    rig.around.orphans = back_just_then
    async with rig.running("renew_for_ever"):
        await until(lambda: len(rig.adopted_in) > 1)
    assert rig.around.owner == b"its client's"
    assert not len(rig.table.calls)


async def test_an_orphan_that_cannot_be_begun_ends_no_gateway(monkeypatch):
    rig = Rig()
    rig.around.call = StoredCall(StreamId(1600, 1))
    rig.around.owner = b"former"
    rig.orphans = [b"call"]

    def fails(*_: Any, **__: Any) -> None:
        raise ValueError("a record that cannot be begun")

    monkeypatch.setattr(rig.table.calls, "begin", fails)
    async with rig.running("renew_for_ever"):
        await until(lambda: len(rig.adopted_in) > 1)
    assert "call" not in rig.table.calls


@pytest.mark.parametrize("outage", ["late", "older"])
async def test_after_an_outage_gateways_get_the_time_to_renew_their_calls(clock, outage):
    rig = Rig()
    await rig.round()
    rig.around.counted.clear()
    rig.adopted_in.clear()
    rig.around.gate.clear()
    async with rig.running("renew_for_ever"):
        await quiet()
        if outage == "late":
            clock[0] += 2.1 * maintenance.RENEW_EVERY
        else:
            rig.around.generation += 1
        rig.around.gate.set()
        await until(lambda: len(rig.adopted_in) > 1)
    # The round of the outage itself, and one more.
    assert rig.adopted_in[:2] == [2, 3]


async def test_a_call_of_this_gateway_is_no_orphan():
    table = Table()
    table.around.call = StoredCall(StreamId(1600, 1))
    await table.come_back()
    rig = Rig(table)
    rig.orphans = [b"call"]
    await rig.round()
    assert list(table.calls) == [table.call]
    assert table.client.closed is None


def checkpoint(read: int) -> list[bytes]:
    return [wire.BODY_FIELD, b"state", wire.HEAD_FIELD, pack(Progress(StreamId(read, 1)))]


async def test_clients_are_told_how_far_their_calls_are_heard():
    table = await a_call(WITH_LAG)
    deaf = Table(beside=table)
    await deaf.open()
    rig = Rig(table)
    table.conversation.receive(bytes(2 * 80_000))
    rig.checkpoints[Leg(table.conversation.id, 0).key("ckpt:vad")] = checkpoint(16_000)
    async with rig.running("tell_lag_for_ever"):
        await until(lambda: "lag" in table.client.kinds)
    lag = table.client.messages[-1]
    assert (lag["channel"], lag["seconds"]) == (0, 4.0)
    assert "lag" not in deaf.client.kinds


UNREADABLE = [[wire.BODY_FIELD, b"", wire.HEAD_FIELD, head] for head in (b"\xc1", b"\x81\xa1v\x63")]
"""No message at all, and one of another release."""


@pytest.mark.parametrize("entry", [None, [wire.OWNER_FIELD, b"worker"], *UNREADABLE])
async def test_a_call_that_nobody_hears_at_all_is_behind_too(entry):
    table = await a_call(WITH_LAG)
    rig = Rig(table)
    table.conversation.receive(bytes(2 * 80_000))
    rig.checkpoints[Leg(table.conversation.id, 0).key("ckpt:vad")] = entry
    async with rig.running("tell_lag_for_ever"):
        await asyncio.sleep(0.05)
    assert "lag" in table.client.kinds


async def test_one_that_is_gone_is_told_nothing():
    table = await a_call(WITH_LAG)
    rig = Rig(table)
    table.conversation.receive(bytes(2 * 80_000))
    table.conversation.vanish()
    rig.checkpoints[Leg(table.conversation.id, 0).key("ckpt:vad")] = checkpoint(0)
    async with rig.running("tell_lag_for_ever"):
        await asyncio.sleep(0.01)
    assert "lag" not in table.client.kinds


async def test_a_call_with_too_much_in_store_is_held_until_it_is_recognised(monkeypatch):
    monkeypatch.setattr(maintenance, "_STORES_EVERY", 0.001)
    table = await a_call()
    rig = Rig(table)
    intake = table.call.intake
    audio = intake.legs[0].leg.key("audio")
    rig.oldest[audio] = 16_000
    intake.push(bytes(2 * 70 * 16_000))
    async with rig.running("bound_stores_for_ever"):
        await until(lambda: table.call.throttle.stored)
        rig.oldest[audio] = 69 * 16_000
        await until(lambda: not table.call.throttle.stored)


async def test_a_call_at_the_pace_of_speech_is_never_asked_for(monkeypatch):
    """However far behind recognition is: live speech cannot be ahead."""
    monkeypatch.setattr(maintenance, "_STORES_EVERY", 0.001)
    table = await a_call()
    rig = Rig(table)
    table.call.intake.push(bytes(2 * 9 * 16_000))
    rig.around.commands.clear()
    async with rig.running("bound_stores_for_ever"):
        await asyncio.sleep(0.02)
    assert rig.around.commands == []
    assert not table.call.throttle.stored
