"""What one connection may take of the loop, and when it is not read, or closed."""

import asyncio
import time

import pytest
import uvloop
from websockets.frames import Frame, Opcode

from gateway.turns import budget
from gateway.websocket import limits
from tests.unit.gateway.websocket.serving import (
    Session,
    call,
    close_code,
    masked_with_zeros,
    until,
)


async def test_who_pings_and_reads_no_answer_is_cut_off(session, monkeypatch, caplog):
    monkeypatch.setattr(limits, "MOST_BUFFERED", 10_000)
    monkeypatch.setattr(budget, "_TRIFLES_BURST", 1e9)
    monkeypatch.setattr(budget, "_BURST", 1e9)
    async with call(session, ping_interval=None) as client:
        client.transport.pause_reading()
        ping = Frame(Opcode.PING, bytes(125)).serialize(mask=True) * 100
        while not session.vanished:
            client.transport.write(ping)
            await asyncio.sleep(0.001)
    ours = [each for each in caplog.records if each.name.startswith("callscribe")]
    assert [record.getMessage() for record in ours] == ["client.too_slow"]


EMPTY = {
    "pings": (Frame(Opcode.PING, b""),),
    "pongs": (Frame(Opcode.PONG, b"unasked"),),
    "empty fragments": (Frame(Opcode.TEXT, b"", fin=False), Frame(Opcode.CONT, b"", fin=False)),
    "texts": (Frame(Opcode.TEXT, b"{}"),),
}


@pytest.mark.parametrize("kind", EMPTY)
async def test_more_messages_without_audio_than_anybody_needs_end_the_call(session, kind):
    first, again = EMPTY[kind][0], EMPTY[kind][-1]
    async with call(session, ping_interval=None) as client:
        client.transport.write(first.serialize(mask=True) + again.serialize(mask=True) * 1_000)
        assert await close_code(client) == 1008
        await until(lambda: session.hung_up)
    assert session.floods == 1


async def test_long_texts_count_for_more(session):
    async with call(session, max_size=None) as client:
        for _ in range(1_000):
            await client.send("x" * 1_000)
        assert await close_code(client) == 1008
    assert len(session.received) < 300


async def test_a_minute_of_audio_in_one_go_is_taken_in_turns_and_in_order(session):
    """So that other connections are served in between."""
    audio = [number.to_bytes(4, "big") * 20 for number in range(3_000)]
    turns = [0]

    async def others() -> None:
        while len(session.received) < len(audio):
            turns[0] += 1
            await asyncio.sleep(0)

    async with call(session) as client:
        other = asyncio.create_task(others())
        stream = b"".join(masked_with_zeros(Opcode.BINARY, each) for each in audio)
        for at in range(0, len(stream), 50_000):
            session.connection.data_received(stream[at : at + 50_000])
        async with asyncio.timeout(10):
            await other
        client.transport.abort()
    assert session.received == audio
    assert turns[0] > 10


@pytest.mark.parametrize("divisible", [False, True])
async def test_a_long_message_of_a_stream_of_audio_is_handled_in_pieces(session, divisible):
    session.divisible = divisible
    message = bytes(range(256)) * 200
    async with call(session, max_size=None) as client:
        session.connection.protocol.max_message_size = 1 << 20
        await client.send(message)
        await client.send(b"behind it")
        await client.send("text")
        await until(lambda: session.received[-1:] == ["text"])
        *pieces, behind, _ = session.received
        assert behind == b"behind it"
        assert b"".join(pieces) == message
        assert (len(pieces) > 1) is divisible


@pytest.mark.parametrize("size", [10, 20_000])
async def test_a_control_in_bytes_is_a_text_and_counts_as_one(session, monkeypatch, size):
    monkeypatch.setattr(budget, "_TRIFLES_BURST", 50.0)
    control = '{"type": "KeepAlive", "padding": "%s"}' % ("x" * size)
    async with call(session, max_size=None) as client:
        session.connection.protocol.max_message_size = 1 << 20
        await client.send(bytes(20_000))
        await client.send(control.encode())
        await until(lambda: session.received[-1:] == [control])
        assert b"".join(session.received[:-1]) == bytes(20_000)
        while not session.floods:
            await client.send(control.encode())
            await asyncio.sleep(0)
        assert set(session.received[-2:]) == {control}


async def test_tiny_messages_are_read_slowly_and_none_is_lost(session, monkeypatch):
    monkeypatch.setattr(budget, "_BURST", 0.001)
    async with call(session) as client:
        for _ in range(1_000):
            await client.send(b"x")
        await until(lambda: len(session.received) == 1_000)
    assert session.floods == 0


async def test_what_was_held_amid_a_turn_goes_on_in_order(session):
    def pause(message: str | bytes) -> None:
        if message == b"5":
            session.connection.set_paused(True)

    session.react = pause
    async with call(session) as client:
        session.connection.data_received(
            b"".join(masked_with_zeros(Opcode.BINARY, b"%d" % n) for n in range(9))
        )
        assert session.received == [b"%d" % n for n in range(6)]
        session.connection.set_paused(False)
        await until(lambda: len(session.received) == 9)
        await client.send(b"more")
        await until(lambda: len(session.received) == 10)
    assert session.received[6:] == [b"6", b"7", b"8", b"more"]


def test_a_client_that_is_too_slow_is_logged_once(session, monkeypatch, caplog):
    """On uvloop, as in production: its buffer stays full after the socket was cut off."""
    monkeypatch.setattr(limits, "MOST_BUFFERED", 10_000)

    async def flood() -> None:
        async with call(session, ping_interval=None) as client:
            client.transport.pause_reading()
            session.connection.send_soon(["x" * 10_000_000])
            pings = Frame(Opcode.PING, bytes(125)).serialize(mask=True) * 100
            client.transport.write(pings)
            await until(lambda: session.vanished)

    uvloop.run(flood())
    told = [record for record in caplog.records if record.getMessage() == "client.too_slow"]
    assert len(told) == 1


async def test_a_held_client_is_not_read(session):
    async with call(session) as client:
        session.connection.set_paused(True)
        await client.send("waits")
        await asyncio.sleep(0.05)
        assert session.received == []
        session.connection.set_paused(False)
        await until(lambda: session.received)
    session.connection.set_paused(True)
    session.connection.set_paused(False)


async def test_of_a_held_client_that_is_closed_the_answer_is_read(session):
    async with call(session) as client:
        session.connection.set_paused(True)
        session.connection.close_soon(1000, "finished")
        assert await close_code(client) == 1000
        await until(lambda: session.hung_up or session.vanished)
    assert (session.hung_up, session.vanished) == (1, 0)


def test_turns_end_on_the_loop_that_a_gateway_runs_on():
    """Its own clock counts whole milliseconds."""
    session = Session()
    other_turns = [0]
    seen: list[int] = []

    def work(message: str | bytes) -> None:
        seen.append(other_turns[0])
        end = time.perf_counter() + 0.0005
        while time.perf_counter() < end:
            pass

    async def others() -> None:
        while len(session.received) < 100:
            other_turns[0] += 1
            await asyncio.sleep(0)

    async def scenario() -> None:
        session.react = work
        async with call(session) as client:
            other = asyncio.create_task(others())
            await asyncio.sleep(0)
            frame = masked_with_zeros(Opcode.BINARY, bytes(100))
            session.connection.data_received(frame * 100)
            async with asyncio.timeout(20):
                await other
            client.transport.abort()

    uvloop.run(scenario())
    assert seen[-1] - seen[0] > 10
