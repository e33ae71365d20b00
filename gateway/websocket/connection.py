"""The WebSocket shell: frames in, handed over where they arrive; messages out, in order.

Messages go from the bytes, or from the library's frame parser, directly to the conversation.
Answers go directly to the socket while it accepts them. The library's queues and waiting tasks cost
more than all other work for a frame.

A connection handles what arrives in turns, each within its `Budget`: a client that sends more than
its share is read later, and harms only itself.
"""

import asyncio
import traceback
from collections import deque
from collections.abc import Sequence
from time import monotonic
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import DATA_OPCODES, CloseCode, Frame, Opcode
from websockets.protocol import State

from common.telemetry.logs import Log
from gateway.access.principal import stranger
from gateway.conversations.conversation import Conversation
from gateway.conversations.reasons import FLOOD
from gateway.turns.budget import PIECE, TURN, Budget
from gateway.turns.crowd import Crowd
from gateway.websocket import limits
from gateway.websocket.frames import binary_message, cut, lone_message

_WITHOUT_AUDIO = (0x01, 0x81, 0x89, 0x8A)
"""First bytes of text, ping and pong frames."""
_HUNG_UP = (CloseCode.NORMAL_CLOSURE, CloseCode.GOING_AWAY, CloseCode.NO_STATUS_RCVD)
_OBJECTIONS = (CloseCode.PROTOCOL_ERROR, CloseCode.INVALID_DATA, CloseCode.MESSAGE_TOO_BIG)

_log = Log(__name__)


class WebSocketConnection(ServerConnection):
    """One client's WebSocket; implements `gateway.conversations.client.Client`."""

    def __init__(self, *args: Any, crowd: Crowd, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._crowd = crowd
        self.peer = ""
        """The client's address."""
        self.who = stranger("")
        """Who its client is, once its handshake was read."""
        self._conversation: Conversation | None = None
        self._ended = False
        """Whether the client closed its sending side before its request was answered."""
        self._budget = Budget(self._crowd.lane)
        self._most_alone = min(PIECE, self.protocol.max_message_size or 0)
        """Bytes of a message that is handled without looking for frames."""
        self._rest = bytearray()
        """What has arrived and is not handled yet."""
        self._missing = 0
        """Least number of bytes that the frame in `_rest` lacks; 0 if it may be whole."""
        self._strange = False
        """Whether the library gets all bytes as they come: it is about to fail the connection."""
        self._pieces: deque[bytes] = deque()
        """What is left of a message that is handled over several turns."""
        self._waiting = False
        """Whether nothing is read until the next turn."""
        self._turn_due = False
        """Whether the crowd will give this connection its next turn."""
        self._fragments = bytearray()
        self._fragments_are_text = False
        self._unsent: deque[str | bytes] = deque()
        self._closing: tuple[int, str] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._news = asyncio.Event()
        self._lost = False
        self._reading_paused = False
        self._objected = False
        self._deaf = False
        """Whether input is ignored, since the client flooded."""
        self._too_slow = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket."""
        super().connection_made(transport)
        # The peer may already be gone, and then has no address.
        if (peer := transport.get_extra_info("peername")) is not None:
            self.peer = str(peer[0])

    def shake_hands(self, head: bytes, rest: bytes) -> None:
        """Take the head of the handshake, and what came with it."""
        self._rest += rest
        super().data_received(head)

    def data_received(self, data: bytes) -> None:
        """Handle what arrived, for as long as this connection's turn lasts; the rest waits."""
        if self._deaf:
            return
        if self._strange or self.protocol.eof_sent:
            super().data_received(data)  # which fails the connection, or discards
        elif self._waiting or self._conversation is None:
            self._rest += data
            if len(self._rest) > limits.MOST_EARLY:
                self.transport.pause_reading()
        elif len(data) < self._missing:
            self._rest += data
            self._missing -= len(data)
        elif self._rest:
            self._turn(bytes(self._rest + data))
        elif (message := lone_message(data, self._most_alone)) is None or self._amid_message:
            self._turn(data)
        else:
            began = monotonic()
            self._message(self._conversation, False, message)
            now = monotonic()
            self._end_turn(now - began, now)

    def eof_received(self) -> bool | None:  # type: ignore[override]  # the transport asks
        """Answer a request even if its sender has closed its sending side."""
        if self.protocol.state is State.CONNECTING and not self.protocol.eof_sent:
            self._ended = True
            return self.transport.get_extra_info("sslcontext") is None
        super().eof_received()
        return None

    def send_data(self) -> None:
        """Send what the library has written; close where both sides have ended."""
        super().send_data()
        if self._ended and self.protocol.eof_sent:
            self.transport.close()

    def _turn(self, data: bytes) -> None:
        """Handle frames for as long as this connection's turn lasts.

        The library gets only whole frames, so it is never inside one when audio bypasses it.
        """
        most = self.protocol.max_message_size
        assert most is not None
        frames, end, missing, strange = cut(data, most, limits.MOST_FRAMES)
        now = began = monotonic()  # uvloop's own clock counts milliseconds
        for frame in frames:
            self._frame(data, frame, began)
            now = monotonic()
            if self._interrupted or now - began > TURN:
                end, missing, strange = frame[2], 0, False
                break
        self._missing = missing
        if self._rest or end < len(data):
            self._rest = bytearray(data[end:])
        self._end_turn(now - began, now, strange=strange)

    @property
    def _amid_message(self) -> bool:
        """Whether the library has a part of a fragmented message."""
        return self.protocol.current_size is not None

    @property
    def _interrupted(self) -> bool:
        """Whether no further frame may be handled now."""
        return bool(self._pieces) or self._deaf or self._reading_paused or self.protocol.eof_sent

    def _end_turn(self, took: float, now: float, *, strange: bool = False) -> None:
        pause = self._budget.spend(took, now)
        if strange and not self._missing:
            rest, self._strange, self._rest = bytes(self._rest), True, bytearray()
            super().data_received(rest)
        elif pause or self._pieces or (self._rest and not self._missing):
            self._wait(pause)

    def _take_pieces(self, conversation: Conversation) -> None:
        """Go on with a message that is too long for one turn."""
        now = began = monotonic()
        while self._pieces and now - began < TURN and not self._reading_paused:
            self._message(conversation, False, self._pieces.popleft())
            now = monotonic()
        self._end_turn(now - began, now)

    def _wait(self, pause: float) -> None:
        """Go on after `pause` seconds with what has arrived; nothing is read until then."""
        self._waiting = True
        if not self.transport.is_closing():
            self.transport.pause_reading()
        self._turn_due = True
        self._crowd.wait(self, pause)

    def go_on(self) -> None:
        """Handle what has arrived, and read again once nothing is left of it."""
        self._turn_due = False
        if self._deaf or self._reading_paused or self._lost or self._conversation is None:
            return
        self._waiting = False
        if self._pieces:
            self._take_pieces(self._conversation)
        elif self._rest and not self._missing and not self.protocol.eof_sent:
            self._turn(bytes(self._rest))
        if not self._waiting and not self._reading_paused and not self.transport.is_closing():
            self.transport.resume_reading()

    def _frame(self, data: bytes, frame: tuple[int, int, int], now: float) -> None:
        begin, payload, end = frame
        size, conversation = end - payload, self._conversation
        message = None if self._amid_message else binary_message(data, frame)
        if message is not None and conversation is not None:
            codec = conversation.codec
            if size > PIECE and codec.divisible and not codec.is_control(message):
                self._pieces.extend(message[at : at + PIECE] for at in range(0, size, PIECE))
            else:
                self._message(conversation, False, message)
            return
        if not size or data[begin] in _WITHOUT_AUDIO:
            self._trifle(size, now)
        super().data_received(data[begin:end])

    def _trifle(self, size: int, now: float) -> None:
        """Close a connection that sends more messages without audio than any client needs."""
        flooded = self._budget.trifle(size, now)
        if flooded and self._closing is None and self._conversation is not None:
            self._objected = self._deaf = True
            self._conversation.refuse(FLOOD)
            self.transport.pause_reading()
            self.loop.call_later(limits.FLOOD_CLOSING, self.transport.abort)

    def process_event(self, event: Any) -> None:
        """Hand data frames to the conversation, everything else to the library."""
        if not isinstance(event, Frame) or event.opcode not in DATA_OPCODES:
            super().process_event(event)
            if (unsent := self.transport.get_write_buffer_size()) > limits.MOST_BUFFERED:
                self._note_too_slow(unsent)
                self.transport.abort()
        elif self._conversation is None:
            return
        elif event.opcode is Opcode.CONT or not event.fin:
            self._gather(self._conversation, event)
        else:
            self._message(self._conversation, event.opcode is Opcode.TEXT, bytes(event.data))

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake the writer, which then ends the conversation."""
        super().connection_lost(exc)
        if self._deadline is not None:
            self._deadline.cancel()
        if (error := self.protocol.parser_exc) is not None:
            # It is in a cycle with the protocol, and its traceback has the last frame received.
            traceback.clear_frames(error.__traceback__)
        # The crowd keeps this connection until its next turn, which may take long.
        self._rest, self._fragments = bytearray(), bytearray()
        self._pieces.clear()
        self._lost = True
        self._news.set()
        self.discard()

    def discard(self) -> None:
        """Free what the library has made for a connection that is over, or never was a WebSocket.

        The protocol is in cycles with its parser and with a method that is set on it. The process
        looks for cycles so rarely that clients could fill its memory with them.
        """
        self.protocol.parser.close()
        vars(self.protocol).pop("select_subprotocol", None)

    def send_soon(self, messages: Sequence[str | bytes]) -> None:
        """Queue messages; a client that leaves more than `MOST_UNSENT` unread is closed.

        Nothing more is sent once it is to be closed: a client that resumes must have no gap.
        """
        if self._closing is not None or not messages:
            return
        if not (self._unsent or self.paused) and self._open:
            self._send_now(messages)
            return
        self._unsent.extend(messages)
        if len(self._unsent) > limits.MOST_UNSENT:
            self._note_too_slow(len(self._unsent))
            self._unsent.clear()
            self.close_soon(CloseCode.POLICY_VIOLATION, "slow_consumer")
        self._news.set()

    def close_soon(self, code: int, reason: str) -> None:
        """Close once everything queued was sent; the first reason given counts."""
        if self._closing is None:
            self._closing = (code, reason)
            self._deadline = self.loop.call_later(limits.MOST_CLOSING, self.transport.abort)
            self.set_paused(False)  # the client's answer is to be read
        self._news.set()

    def set_paused(self, paused: bool) -> None:
        """Stop reading from the socket, so that TCP slows the client down; or resume."""
        if paused and self._closing is not None:
            return
        self._reading_paused = paused
        if self.transport.is_closing():
            return
        if paused:
            self.transport.pause_reading()
        elif not self._turn_due:
            self._wait(0.0)

    def abort(self) -> None:
        """Close without a message."""
        self.transport.abort()

    async def serve(
        self, conversation: Conversation, patience: float, *, speaks_in_text: bool = False
    ) -> None:
        """Connect the client and its conversation until either ends.

        A client that has not opened its call after `patience` seconds is overdue. `speaks_in_text`:
        its audio comes in text messages.
        """
        self._conversation = conversation
        if speaks_in_text:
            self._budget.expect_texts()
        opening = self.loop.call_later(patience, conversation.overdue)
        conversation.begin()
        self.go_on()
        if self._ended:
            super().eof_received()
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
                conversation.hang_up()
            else:
                conversation.vanish()
            conversation.forget_client()

    async def keepalive(self) -> None:
        """Detect a dead peer, except while the connection is paused: then no answer is read."""
        while True:
            await asyncio.sleep(limits.PING_EVERY)
            if self._reading_paused:
                continue
            answer = asyncio.ensure_future(await self.ping())
            while not (await asyncio.wait([answer], timeout=limits.PING_EVERY))[0]:
                if not self._reading_paused:
                    self.transport.abort()

    @property
    def _open(self) -> bool:
        return self.protocol.state is State.OPEN and not self.transport.is_closing()

    def _send_now(self, messages: Sequence[str | bytes]) -> None:
        """Write to a socket that accepts more; like `send`, but without waiting."""
        for message in messages:
            if isinstance(message, str):
                self.protocol.send_text(message.encode())
            else:
                self.protocol.send_binary(message)
        self.transport.write(b"".join(self.protocol.data_to_send()))

    @property
    def _hung_up(self) -> bool:
        """Whether not to wait for the client: it is done, or would do the same again."""
        said, answer = self.protocol.close_rcvd, self.protocol.close_sent
        # Only the library's own objections count, not a close by the session or the client.
        ours = self._closing is None and not self.protocol.close_rcvd_then_sent
        if self._objected or (answer is not None and ours and answer.code in _OBJECTIONS):
            return True
        return said is not None and said.code in _HUNG_UP

    def _note_too_slow(self, unsent: int) -> None:
        if not self._too_slow:  # frames that arrived together are still answered afterwards
            self._too_slow = True
            _log.warning("client.too_slow", unsent=unsent)

    def _gather(self, conversation: Conversation, frame: Frame) -> None:
        # The library bounds the sum of a message's fragments by max_size before they come here.
        if frame.opcode is not Opcode.CONT:
            self._fragments_are_text = frame.opcode is Opcode.TEXT
        self._fragments += frame.data
        if frame.fin:
            message, self._fragments = bytes(self._fragments), bytearray()
            self._message(conversation, self._fragments_are_text, message)

    def _message(self, conversation: Conversation, is_text: bool, data: bytes) -> None:
        if not is_text and (is_text := conversation.codec.is_control(data)):
            self._trifle(len(data), monotonic())
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
            conversation.receive(message)
        except Exception as error:
            conversation.fail(error)  # raised into the loop, it would leave the call open and mute
