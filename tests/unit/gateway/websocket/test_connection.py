"""Messages, closing and slow readers of one connection."""

import asyncio
import random

import pytest
from websockets.frames import Frame, Opcode

from gateway.websocket import limits
from gateway.websocket.limits import MOST_UNSENT
from tests.unit.gateway.websocket.serving import (
    call,
    close_code,
    masked_with_zeros,
    until,
)


async def test_messages_arrive_as_they_were_sent(session):
    async with call(session) as client:
        await client.send("text")
        await client.send(b"\x00\xff")
        await client.send("")
        await until(lambda: len(session.received) == 3)
    assert session.began == 1
    assert session.received == ["text", b"\x00\xff", ""]


async def test_fragments_are_joined_and_kept_apart(session):
    async with call(session) as client:
        await client.send(["ü".join("ab"), "c"])
        await client.send([b"1", b"2", b"3"])
        await client.send(b"4")
        await until(lambda: len(session.received) == 3)
    assert session.received == ["aübc", b"123", b"4"]


async def test_a_character_may_be_split_over_fragments(session):
    async with call(session) as client:
        for frame in (Frame(Opcode.TEXT, b"\xc3", fin=False), Frame(Opcode.CONT, b"\xbc")):
            client.transport.write(frame.serialize(mask=True))
        await until(lambda: session.received)
    assert session.received == ["ü"]


async def test_invalid_text_closes(session):
    async with call(session) as client:
        client.transport.write(Frame(Opcode.TEXT, b"\xff").serialize(mask=True))
        assert await close_code(client) == 1007
    assert session.received == []


@pytest.mark.parametrize("sizes", [[1_001], [600, 600]])
async def test_too_large_a_message_closes(session, sizes):
    async with call(session) as client:
        await client.send([bytes(size) for size in sizes])
        assert await close_code(client) == 1009
    await until(lambda: session.hung_up)
    assert session.vanished == 0


async def test_a_bug_in_the_session_reaches_the_session(session):
    error = ZeroDivisionError()

    def break_down(message: str | bytes) -> None:
        raise error

    session.react = break_down
    async with call(session) as client:
        await client.send("text")
        await until(lambda: session.failures)
    assert session.failures == [error]


async def test_what_was_queued_is_sent_before_closing_and_the_first_reason_counts(session):
    async with call(session) as client:
        session.connection.send_soon(["one", b"two"])
        session.connection.close_soon(4_000, "first")
        session.connection.close_soon(4_001, "second")
        assert [await client.recv(), await client.recv()] == ["one", b"two"]
        assert await close_code(client) == 4_000


async def test_nothing_is_sent_any_more_that_comes_after_closing(session):
    async with call(session) as client:
        session.connection.send_soon(["one"])
        session.connection.close_soon(4_000, "enough")
        session.connection.send_soon(["two"] * (MOST_UNSENT + 1))
        assert await client.recv() == "one"
        assert await close_code(client) == 4_000


async def test_nothing_is_heard_after_closing(session):
    session.react = lambda message: session.connection.close_soon(4_000, "enough")
    async with call(session) as client:
        await client.send("one")
        await client.send("two")
        assert await close_code(client) == 4_000
    assert session.received == ["one"]


async def test_a_client_that_is_lost_has_not_hung_up(session):
    async with call(session) as client:
        client.transport.abort()
        await until(lambda: session.vanished)
    assert (session.hung_up, session.vanished) == (0, 1)
    assert session.forgotten


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (Frame(Opcode.CONT, b"of nothing"), 1002),
        (Frame(Opcode.TEXT, b"\xff"), 1007),
        (Frame(Opcode.BINARY, bytes(1_001)), 1009),
    ],
)
async def test_a_client_that_is_objected_to_is_not_waited_for(session, frame, code):
    async with call(session) as client:
        client.transport.write(frame.serialize(mask=True))
        assert await close_code(client) == code
        await until(lambda: session.hung_up or session.vanished)
    assert (session.hung_up, session.vanished) == (1, 0)


@pytest.mark.parametrize(
    ("code", "hung_up"),
    [
        *((code, True) for code in (1000, 1001, 1005)),
        # The last three are the client's own objections: it may do better after resuming.
        *((code, False) for code in (1008, 1011, 1002, 1007, 1009)),
    ],
)
async def test_what_a_client_says_as_it_closes_tells_whether_it_is_done(session, code, hung_up):
    async with call(session) as client:
        # 1005 stands for a close frame without a code, as a browser's close() sends it.
        data = b"" if code == 1005 else code.to_bytes(2, "big")
        client.transport.write(Frame(Opcode.CLOSE, data).serialize(mask=True))
        await until(lambda: session.hung_up or session.vanished)
    assert (session.hung_up, session.vanished) == ((1, 0) if hung_up else (0, 1))


# With 1007 the session decides: a mistake while resuming a call does not end the call.
@pytest.mark.parametrize(("code", "hung_up"), [(1000, True), (1012, False), (1007, False)])
async def test_a_client_that_echoes_a_close_has_hung_up_only_where_that_was_the_end(
    session, code, hung_up
):
    async with call(session) as client:
        session.connection.close_soon(code, "reason")
        assert await close_code(client) == code
        await until(lambda: session.hung_up or session.vanished)
    assert bool(session.hung_up) is hung_up


async def test_a_client_is_given_up_after_the_time_it_has(session):
    async with call(session, patience=0.01):
        await until(lambda: session.given_up)
    assert session.given_up == 1


async def test_a_client_far_behind_is_closed(session):
    async with call(session, max_queue=None, max_size=None) as client:
        client.transport.pause_reading()
        while not session.connection.paused:
            session.connection.send_soon(["x" * 1_000_000])
            await asyncio.sleep(0.001)
        session.connection.send_soon(["message"] * (MOST_UNSENT + 1))
        client.transport.resume_reading()
        assert await close_code(client) == 1008


async def test_a_burst_that_is_read_closes_nobody(session):
    async with call(session) as client:
        for number in range(MOST_UNSENT + 1):
            session.connection.send_soon([str(number)])
        for number in range(MOST_UNSENT + 1):
            assert await client.recv() == str(number)


async def test_messages_keep_their_order_when_the_socket_fills_up(session):
    async with call(session, max_queue=None, max_size=None) as client:
        client.transport.pause_reading()
        sent = 0
        while not session.connection.paused:
            session.connection.send_soon([f"{sent} {'x' * 100_000}"])
            sent += 1
            await asyncio.sleep(0.001)
        session.connection.send_soon([f"{sent} queued", f"{sent + 1} queued"])
        client.transport.resume_reading()
        for number in range(sent + 2):
            assert str(await client.recv()).split()[0] == str(number)


async def test_closing_ends_although_the_client_reads_nothing(
    session, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "MOST_CLOSING", 0.05)
    async with call(session, max_queue=1, ping_interval=None) as client:
        client.transport.pause_reading()
        large = "x" * 1_000_000
        # Until the writer waits: every buffer on the way is full.
        while not session.connection.paused:
            session.connection.send_soon([large])
            await asyncio.sleep(0.001)
        session.connection.close_soon(1000, "finished")
        await until(lambda: session.vanished)


@pytest.mark.parametrize("seed", range(40))
async def test_messages_arrive_whole_wherever_the_stream_is_cut(session, seed):
    """Reads that end inside a header: what follows then is payload, whatever it looks like."""
    dice = random.Random(seed)
    sent: list[str | bytes] = []
    stream = b""
    for number in range(30):
        size = dice.choice([0, 2, 8, 125, 126, 130, 640])
        # Masked with zeros, payloads look like frames themselves.
        payload = (b"\x82\x8a" * 400)[:size] if dice.random() < 0.5 else bytes(size)
        kind = dice.choice([Opcode.BINARY] * 6 + [Opcode.TEXT, Opcode.PING])
        if kind is Opcode.TEXT:
            payload = str(number).encode()
        if kind is Opcode.PING:
            payload = payload[:125]
        if kind is not Opcode.PING:
            sent.append(payload.decode() if kind is Opcode.TEXT else payload)
        stream += masked_with_zeros(kind, payload)
    async with call(session) as client:
        at = 0
        while at < len(stream):
            size = dice.choice([1, 2, 4, 6, 8, 100, 1_000])
            session.connection.data_received(stream[at : at + size])
            at += size
        await until(lambda: len(session.received) == len(sent))
        assert session.received == sent
        client.transport.abort()
