"""Calls of which no audio comes, on a clock of the test's own."""

from collections.abc import Sequence

import pytest

from gateway.calls.call import Call
from gateway.calls.silence import give_place, quiet_legs
from tests.unit.gateway.stand_ins import CONFIG, FINALIZE, STEREO, Table, quiet


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr("gateway.uplink.arrivals.time.monotonic", lambda: now[0])
    return now


async def opened(first: Table, clients: Sequence[str], config: str = CONFIG) -> list[Call]:
    """Open a call for each of these clients, in this order."""
    calls = []
    for client in clients:
        table = Table(beside=first)
        await table.open(config)
        table.call.caller = client
        calls.append(table.call)
    return calls


async def test_a_leg_counts_for_its_client_until_it_speaks_and_again_once_it_is_silent(clock):
    table = Table()
    (call,) = await opened(table, ["a"], STEREO)
    assert quiet_legs(table.calls, "a") == 0
    clock[0] += 5.0
    assert quiet_legs(table.calls, "a") == 2
    assert quiet_legs(table.calls, "b") == 0
    call.intake.push(bytes(1280))
    assert quiet_legs(table.calls, "a") == 0
    clock[0] += 5.0
    assert quiet_legs(table.calls, "a") == 2


async def test_a_call_that_is_paused_or_ends_is_not_silent(clock):
    table = Table()
    (call,) = await opened(table, ["a"])
    clock[0] += 100.0
    call.throttle.set_paused("memory", True)
    assert call.silence == 0.0
    call.throttle.set_paused("memory", False)
    assert call.silence == 100.0
    call.finish()
    assert call.silence == 0.0


@pytest.mark.parametrize(
    ("clients", "after", "newcomer", "gone"),
    [
        ("aa", 59.0, "b", None),
        ("aa", 60.0, "b", 0),
        ("aa", 60.0, "a", None),
        ("a", 60.0, "b", None),
        ("baa", 60.0, "c", 1),
        ("baa", 60.0, "b", None),
        ("baaa", 60.0, "b", 1),
    ],
)
async def test_the_oldest_silent_call_goes_for_a_client_that_has_fewer(
    clock, clients, after, newcomer, gone
):
    table = Table()
    calls = []
    for client in clients:
        calls += await opened(table, [client])
        clock[0] += 0.001
    clock[0] += after
    assert give_place(table.calls, newcomer) is (gone is not None)
    ended = [n for n, call in enumerate(calls) if call.finishing_since is not None]
    assert ended == ([] if gone is None else [gone])


async def test_a_call_that_gives_its_place_is_told_and_ends_in_order(clock):
    table = Table()
    await table.open(CONFIG)
    table.conversation.receive(bytes(640))
    clock[0] += 1.0
    await opened(table, [table.call.caller])
    clock[0] += 60.0
    assert give_place(table.calls, "b")
    await quiet()
    assert table.client.kinds == ["session_created", "silent"]
    assert table.written() == [bytes(640), b"end"]


async def test_a_call_that_ends_anyway_gives_no_place(clock):
    table = Table()
    await table.open(CONFIG)
    (other,) = await opened(table, [table.call.caller])
    other.hang_up()
    clock[0] += 61.0
    table.conversation.receive(FINALIZE)
    assert not give_place(table.calls, "b")
