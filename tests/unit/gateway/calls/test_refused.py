"""A call that is refused has used nothing, whatever the reason, and whatever it sent ahead."""

import ast
import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from inspect import getsource
from typing import Any, cast, get_args

import pytest

from common.bus import scripts
from common.errors import AtCapacity, CallscribeError, Unavailable
from gateway.access.meter import Overdrawn
from gateway.access.principal import Limits
from gateway.calls import opening
from gateway.calls.opening import Refused
from gateway.conversations import asking
from tests.unit.gateway.stand_ins import CONFIG, FINALIZE, Table, eventually, quiet

_WEBHOOK = json.dumps({"type": "config", "encoding": "pcm16", "webhook": "https://example.org/"})
_RECORDED = json.dumps({"type": "config", "encoding": "pcm16", "record": True})
_TOKEN = "t0k3n"


def _overdrawn(answer: int) -> Callable[[Table], None]:
    def arrange(table: Table) -> None:
        table.around.answers[scripts.MAY_CALL] = answer

    return arrange


def _spent(table: Table) -> None:
    table.around.extra = lambda command: b"another" if command[0] == "SET" else None


def _objects(error: CallscribeError) -> Callable[[Table], None]:
    def arrange(table: Table) -> None:
        table.around.objection = error

    return arrange


def _bug(table: Table) -> None:
    table.around.answers[scripts.OFFER] = ZeroDivisionError("a bug")


_ARRANGED: dict[str, tuple[Callable[[Table], None], str]] = {
    "at_capacity": (_objects(AtCapacity("full", reason="vad_slots", retry_after=5)), CONFIG),
    "unavailable": (_objects(Unavailable("no asr worker is running", stage="asr")), CONFIG),
    "webhook_refused": (lambda table: None, _WEBHOOK),
    "recording_refused": (lambda table: None, _RECORDED),
    "key_audio": (_overdrawn(1), CONFIG),
    "key_calls": (_overdrawn(2), CONFIG),
    "spent_token": (_spent, CONFIG),
    "internal_error": (_bug, CONFIG),
}
_ELSEWHERE = {"resume_unknown", "resumed_elsewhere", "session_lost"}
"""Reasons that refuse to resume: that call is not this one, and goes on."""


def _reasons() -> set[str]:
    """Return every code with which a new call is refused, by the sources."""
    calls = [
        node
        for module in (opening, asking)
        for node in ast.walk(ast.parse(getsource(module)))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == Refused.__name__
    ]
    return {ast.literal_eval(call.args[0]) for call in calls} | set(get_args(Overdrawn))


def test_every_reason_is_tried_here():
    assert _reasons() - _ELSEWHERE == _ARRANGED.keys() - {"internal_error"}


def _with_token(table: Table) -> None:
    who = replace(table.conversation.opening.who, once=_TOKEN, key="k", limits=Limits(1, 60, 5))
    table.conversation.opening.who = who


async def _send_ahead(table: Table, config: str) -> None:
    table.around.gate.clear()
    table.conversation.receive(config)
    for _ in range(4):
        table.conversation.receive(bytes(32_000))


@pytest.mark.parametrize("reason", _ARRANGED)
async def test_a_refused_call_has_used_nothing(reason):
    table = Table()
    arrange, config = _ARRANGED[reason]
    arrange(table)
    _with_token(table)
    await _send_ahead(table, config)
    table.around.gate.set()
    await eventually(lambda: table.client.closed)
    await table.disposed()
    assert table.client.kinds[-1] == reason
    assert table.around.used == []


async def _hang(table: Table) -> None:
    table.conversation.receive(FINALIZE)
    await eventually(lambda: table.client.closed)


async def _drain(table: Table) -> None:
    table.conversation.send_away()


async def _leave(table: Table) -> None:
    cast(Any, table.around).objection = AtCapacity("full", reason="vad_slots", retry_after=5)
    table.conversation.vanish()


@pytest.mark.parametrize("meanwhile", [_hang, _drain, _leave])
async def test_nor_has_one_that_ends_before_redis_holds_it(meanwhile, monkeypatch):
    monkeypatch.setattr(opening, "_PATIENCE", 0.01)
    table = Table()
    _with_token(table)
    await _send_ahead(table, CONFIG)
    await quiet()
    await meanwhile(table)
    table.around.gate.set()
    await quiet()
    await table.disposed()
    assert table.around.used == []


async def test_one_that_ran_has_used_what_it_sent():
    table = Table()
    await _send_ahead(table, CONFIG)
    table.around.gate.set()
    await quiet()
    table.call.hang_up()
    table.call.lose("session_lost", "gone")
    await table.disposed()
    ((_, legs, audio, _),) = table.around.used
    assert (legs, audio) == (1, 4_000)


@pytest.mark.parametrize("reason", ["unavailable", "key_audio", "key_calls"])
async def test_what_was_counted_of_a_refused_call_is_given_back(reason, monkeypatch):
    monkeypatch.setattr(opening, "_PATIENCE", 0.05)
    table = Table()
    _with_token(table)
    if reason == "unavailable":  # it hangs between the two
        table.around.hangs_at = "HSET"
    else:
        _ARRANGED[reason][0](table)
    table.conversation.receive(CONFIG)
    await eventually(lambda: table.client.closed)
    disposal = asyncio.create_task(table.disposed())
    table.around.gate.set()
    await disposal
    assert table.client.kinds == [reason]
    session = table.conversation.id
    assert table.around.ran[scripts.GIVE_BACK] == [(session,)]
    assert table.around.ran[scripts.FORGO_CALL] == [("k",)]
