import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
import uvloop
import websockets.asyncio.client as ws
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from gateway.turns import budget
from gateway.turns.crowd import Crowd
from gateway.websocket import limits
from gateway.websocket.arrival import Arrival
from gateway.websocket.connection import WebSocketConnection
from gateway.websocket.limits import MOST_UNSENT


class Session:
    """Stands in for a `Conversation`: records what the connection tells it."""

    def __init__(self) -> None:
        self.received: list[str | bytes] = []
        self.failures: list[Exception] = []
        self.began = 0
        self.hung_up = 0
        self.vanished = 0
        self.given_up = 0
        self.floods = 0
        self.forgotten = False
        self.divisible = True
        self.connection: WebSocketConnection
        self.react: Callable[[str | bytes], None] = lambda message: None

    def receive(self, message: str | bytes) -> None:
        self.received.append(message)
        self.react(message)

    def fail(self, error: Exception) -> None:
        self.failures.append(error)

    def hang_up(self) -> None:
        self.hung_up += 1

    def vanish(self) -> None:
        self.vanished += 1

    def begin(self) -> None:
        self.began += 1

    def give_up(self) -> None:
        self.given_up += 1

    def forget_client(self) -> None:
        self.forgotten = True

    def end_flood(self) -> None:
        self.floods += 1
        self.connection.close_soon(1008, "message_rate")


class Host:
    """Stands in for a listener at which every handshake is for a protocol."""

    def serves(self, path: str) -> bool:
        return True

    def http(self, goes_on: bool) -> asyncio.Protocol:
        raise AssertionError("only handshakes are sent here")


def arrival(*args: Any, **kwargs: Any) -> Arrival:
    crowd = Crowd()
    return Arrival(WebSocketConnection(*args, crowd=crowd, **kwargs), Host(), crowd)


@asynccontextmanager
async def call(
    session: Session, *, patience: float = 60.0, **options: Any
) -> AsyncIterator[ws.ClientConnection]:
    """Connect a client to a real server whose one session this is."""

    async def handle(accepted: ServerConnection) -> None:
        assert isinstance(accepted, WebSocketConnection)
        session.connection = accepted
        await accepted.serve(session, patience)  # type: ignore[arg-type]

    async with serve(
        handle,
        "127.0.0.1",
        0,
        create_connection=cast(Any, arrival),
        compression=None,
        max_size=1_000,
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        url = f"ws://127.0.0.1:{port}"
        async with ws.connect(url, compression=None, proxy=None, **options) as client:
            await until(lambda: hasattr(session, "connection"))
            yield client
            client.transport.abort()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


async def close_code(client: ws.ClientConnection) -> int:
    async with asyncio.timeout(10):
        try:
            while True:
                await client.recv()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006


@pytest.fixture
def session() -> Session:
    return Session()


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


def masked_with_zeros(opcode: Opcode, payload: bytes) -> bytes:
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes([0x80 | opcode]) + length + bytes(4) + payload


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
