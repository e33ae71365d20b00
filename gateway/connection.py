"""The WebSocket shell: frames in, handed over where they arrive; messages out, in order.

Messages go straight from the bytes, or from the library's frame parser, to the session, and out
straight to the socket as long as that takes them. The detours over the library's queues and waiting
tasks cost more than all the rest that is done for a frame.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import DATA_OPCODES, CloseCode, Frame, Opcode
from websockets.protocol import State

from common.telemetry.logs import Log
from gateway.frames import binary_message, cut
from gateway.session import Session

MOST_UNSENT = 1000
"""Messages a client may leave unread before it is closed; at a few a second, minutes of them."""
MOST_BUFFERED = 1 << 20
"""Bytes that may lie in a client's socket unsent before it is cut off: the library answers every
ping at once, whether or not anybody reads the answers."""
MOST_CLOSING = 10.0
"""Seconds that closing may take, the last messages included: a client that reads nothing would
hold up even its own end."""
PING_EVERY = 20.0
"""Seconds between pings, and until one must be answered."""
_END_OF_REQUEST = b"\r\n\r\n"
_HUNG_UP = (CloseCode.NORMAL_CLOSURE, CloseCode.GOING_AWAY, CloseCode.NO_STATUS_RCVD)
_OBJECTIONS = (CloseCode.PROTOCOL_ERROR, CloseCode.INVALID_DATA, CloseCode.MESSAGE_TOO_BIG)

_log = Log(__name__)


class Connection(ServerConnection):
    """One client's WebSocket; implements `gateway.shared.Client`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.peer = ""
        """The client's address."""
        self._session: Session | None = None
        self._early: list[Frame] = []
        self._rest = b""
        """The beginning of a frame that is not whole yet."""
        self._strange = False
        """Whether the library gets all bytes as they come: it may be amid a frame."""
        self._fragments = bytearray()
        self._fragments_are_text = False
        self._unsent: deque[str | bytes] = deque()
        self._closing: tuple[int, str] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._news = asyncio.Event()
        self._lost = False
        self._held = False
        self._objected = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket."""
        super().connection_made(transport)
        # Of a client that is gone nobody can tell it, as it may be by now.
        if (peer := transport.get_extra_info("peername")) is not None:
            self.peer = str(peer[0])

    def data_received(self, data: bytes) -> None:
        """Take whole messages of audio; hand everything else to the library, frame by frame.

        It only ever gets whole frames, so that it is never amid one when audio passes it by.
        """
        state = self.protocol.state
        if state is State.CONNECTING:
            # What comes behind the request before it is answered is the library's from then on.
            self._strange = not data.endswith(_END_OF_REQUEST)
        data, self._rest = self._rest + data, b""
        most = self.protocol.max_message_size
        if self._strange or most is None or state is not State.OPEN:
            super().data_received(data)
            return
        frames, end, self._strange = cut(data, most)
        for frame in frames:
            self._frame(data, frame)
        if self._strange or self.protocol.state is not State.OPEN:
            super().data_received(data[end:])
        else:
            self._rest = data[end:]

    def _frame(self, data: bytes, frame: tuple[int, int, int]) -> None:
        session, amid_message = self._session, self.protocol.current_size is not None
        message = None if session is None or amid_message else binary_message(data, frame)
        if message is None or session is None:
            super().data_received(data[frame[0] : frame[2]])
        else:
            self._message(session, False, message)

    def process_event(self, event: Any) -> None:
        """Hand data frames to the session, everything else to the library."""
        if not isinstance(event, Frame) or event.opcode not in DATA_OPCODES:
            super().process_event(event)
            if (unsent := self.transport.get_write_buffer_size()) > MOST_BUFFERED:
                _log.warning("client.too_slow", unsent=unsent)
                self.transport.abort()
        elif self._session is None:
            self._early.append(event)
        else:
            self._receive(self._session, event)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake the writer, which then ends the session."""
        super().connection_lost(exc)
        if self._deadline is not None:
            self._deadline.cancel()
        self._lost = True
        self._news.set()

    def send_soon(self, messages: Sequence[str | bytes]) -> None:
        """Queue messages; a client that reads none of `MOST_UNSENT` is closed.

        Nothing is sent any more once it is to be closed: a client that comes back must have
        everything up to the last it has.
        """
        if self._closing is not None or not messages:
            return
        if not (self._unsent or self.paused) and self._open:
            self._send_now(messages)
            return
        self._unsent.extend(messages)
        if len(self._unsent) > MOST_UNSENT:
            _log.warning("client.too_slow", unsent=len(self._unsent))
            self._unsent.clear()
            self.close_soon(CloseCode.POLICY_VIOLATION, "slow_consumer")
        self._news.set()

    def close_soon(self, code: int, reason: str) -> None:
        """Close once everything queued was sent; the first reason given counts."""
        if self._closing is None:
            self._closing = (code, reason)
            self._deadline = self.loop.call_later(MOST_CLOSING, self.transport.abort)
            self.hold(False)  # the client's answer is to be read
        self._news.set()

    def hold(self, held: bool) -> None:
        """Stop, or go on, reading from the socket; TCP then slows the client down."""
        if held and self._closing is not None:
            return
        self._held = held
        if self.transport.is_closing():
            return
        if held:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    async def serve(self, session: Session, patience: float) -> None:
        """Connect the client and its session until either ends.

        A client that has not opened its call after `patience` seconds is sent away.
        """
        self._session = session
        opening = self.loop.call_later(patience, session.give_up)
        for frame in self._early:
            self._receive(session, frame)
        self._early.clear()
        try:
            while not self._lost:
                while self._unsent:
                    await self.send(self._unsent.popleft())
                if self._closing is not None:
                    await self.close(*self._closing)
                    return
                self._news.clear()
                if not self._unsent and not self._lost:
                    await self._news.wait()
        except ConnectionClosed:
            pass
        finally:
            opening.cancel()
            if self._hung_up:
                session.hang_up()
            else:
                session.vanish()

    async def keepalive(self) -> None:
        """Notice a peer that is gone without a word; of one that is held no answer is read."""
        while True:
            await asyncio.sleep(PING_EVERY)
            if self._held:
                continue
            answer = asyncio.ensure_future(await self.ping())
            while not (await asyncio.wait([answer], timeout=PING_EVERY))[0]:
                if not self._held:
                    self.transport.abort()

    @property
    def _open(self) -> bool:
        return self.protocol.state is State.OPEN and not self.transport.is_closing()

    def _send_now(self, messages: Sequence[str | bytes]) -> None:
        """Write to a socket that takes more; as `send` does, less its waiting."""
        for message in messages:
            if isinstance(message, str):
                self.protocol.send_text(message.encode())
            else:
                self.protocol.send_binary(message)
        self.transport.write(b"".join(self.protocol.data_to_send()))

    @property
    def _hung_up(self) -> bool:
        """Whether the client is not to be waited for: it is done, or would do the same again."""
        said, answer = self.protocol.close_rcvd, self.protocol.close_sent
        # One that the session closed has told it already; one that the client did is no answer.
        ours = self._closing is None and not self.protocol.close_rcvd_then_sent
        if self._objected or (answer is not None and ours and answer.code in _OBJECTIONS):
            return True
        return said is not None and said.code in _HUNG_UP

    def _receive(self, session: Session, frame: Frame) -> None:
        if frame.opcode is Opcode.CONT or not frame.fin:
            self._gather(session, frame)
        else:
            self._message(session, frame.opcode is Opcode.TEXT, bytes(frame.data))

    def _gather(self, session: Session, frame: Frame) -> None:
        # The library bounds the sum of a message's fragments by max_size before they come here.
        if frame.opcode is not Opcode.CONT:
            self._fragments_are_text = frame.opcode is Opcode.TEXT
        self._fragments += frame.data
        if frame.fin:
            message, self._fragments = bytes(self._fragments), bytearray()
            self._message(session, self._fragments_are_text, message)

    def _message(self, session: Session, is_text: bool, data: bytes) -> None:
        if self._closing is not None:
            return
        message: str | bytes = data
        if is_text:
            try:
                message = data.decode()
            except UnicodeDecodeError:
                self._objected = True
                self.close_soon(CloseCode.INVALID_DATA, "invalid_utf8")
                return
        try:
            session.receive(message)
        except Exception as error:
            # Raised into the event loop, it would leave the call open and mute.
            session.fail(error)
