"""A file's call: a client of a conversation like any other, in the gateway's own process.

Its audio goes through the same admission, the same pace and the same pipeline. A call that runs
ahead of its clock is a recording, whose work waits for that of live calls.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from http import HTTPStatus
from math import ceil

from websockets.frames import CloseCode

from common.audio import BYTES_PER_SAMPLE, SAMPLE_RATE
from common.options import SessionOptions
from gateway.access.principal import Principal
from gateway.admission.capacity import Refusal
from gateway.admission.handshake import OWN_DOING, Handshakes
from gateway.conversations.conversation import Conversation
from gateway.conversations.reception import Reception
from gateway.files.decode import AudioFile
from gateway.files.refusal import FileRefused
from gateway.protocols.api import Codec, Message, Protocol, Request
from gateway.protocols.commands import Audio, AudioFormat, Command, Open
from gateway.protocols.events import Event, Failed

_AGAIN = frozenset({CloseCode.TRY_AGAIN_LATER, CloseCode.SERVICE_RESTART})
"""Close codes after which the same request may succeed."""
OF_KEYS = {
    "revoked_key": HTTPStatus.UNAUTHORIZED,
    "spent_token": HTTPStatus.UNAUTHORIZED,
    "key_audio": HTTPStatus.TOO_MANY_REQUESTS,
    "key_calls": HTTPStatus.TOO_MANY_REQUESTS,
}
"""The status for each code that says what a key may no longer do."""
_AGAIN_AFTER = 5
"""Seconds, where nothing tells a time."""


class _FileCodec(Codec):
    """The codec of a call whose client is this process: events are handed over as they are."""

    def __init__(self, opened: Open, hear: Callable[[Event], None]) -> None:
        self._opened = opened
        self._hear = hear

    @property
    def verbatim(self) -> bool:
        """See `Codec`."""
        return True

    def connected(self) -> Sequence[Command]:
        """See `Codec`."""
        return (self._opened,)

    def receive_text(self, message: str) -> Sequence[Command]:
        """See `Codec`."""
        raise NotImplementedError("a file has no messages")

    def receive_binary(self, data: bytes) -> Sequence[Command]:
        """See `Codec`."""
        return (Audio(data),)

    def render(self, event: Event, now: float) -> Sequence[Message]:
        """See `Codec`."""
        self._hear(event)
        return ()


class FileCall:
    """The call of one file; `duration` is how much of it was sent, in samples at 16 kHz.

    Implements `gateway.conversations.client.Client`. `threads` decode.
    """

    def __init__(
        self, name: str, options: SessionOptions, audio: AudioFile, threads: Executor
    ) -> None:
        self.duration = 0
        self._name = name
        self._audio = audio
        self._threads = threads
        # Its sender has the recording.
        options = replace(options, record=False)
        self._opened = Open(options, AudioFormat("pcm16", SAMPLE_RATE, audio.channels))
        self._news: asyncio.Queue[Event | Exception | None] = asyncio.Queue()
        """At most what the file has of results. None: the call has ended well."""
        self._unpaused = asyncio.Event()
        self._unpaused.set()
        self._closed = False
        self._failure: Failed | None = None

    @property
    def remarks(self) -> list[str]:
        """See `AudioFile.remarks`."""
        return self._audio.remarks

    async def events(
        self, reception: Reception, handshakes: Handshakes, request: Request, who: Principal
    ) -> AsyncGenerator[Event, None]:
        """Carry the call and yield its events. Raises FileRefused.

        Closing the generator, or cancelling, ends the call as if its client had hung up.
        """
        answer = handshakes.ask(self._name, who, reception.present, returning=False)
        refusal = answer if answer is None or isinstance(answer, Refusal) else await answer
        if refusal is not None:
            raise _turned_away(refusal)
        protocol = Protocol("file", lambda defaults, request: _FileCodec(self._opened, self._hear))
        conversation = reception.welcome(protocol, request, self, name=self._name, who=who)
        conversation.begin()
        sending = asyncio.create_task(self._send(conversation), name=f"file:{self._name}")
        try:
            while (news := await self._news.get()) is not None:
                if isinstance(news, Exception):
                    raise news
                yield news
        finally:
            sending.cancel()
            conversation.hang_up()
            conversation.forget_client()

    async def _send(self, conversation: Conversation) -> None:
        loop = asyncio.get_running_loop()
        try:
            while piece := await loop.run_in_executor(self._threads, self._audio.read):
                await self._unpaused.wait()
                if self._closed:
                    return
                conversation.receive(piece)
                self.duration += len(piece) // (BYTES_PER_SAMPLE * self._audio.channels)
            if not self._closed:
                conversation.receive_end()
        except Exception as error:
            self._news.put_nowait(error)

    def _hear(self, event: Event) -> None:
        if not isinstance(event, Failed):
            self._news.put_nowait(event)
        elif event.fatal or event.code in OF_KEYS:
            self._failure = event

    # --- from the conversation ---

    def send_soon(self, messages: Sequence[Message]) -> None:
        """See `Client`; there are no messages."""

    def close_soon(self, code: int, reason: str) -> None:
        """See `Client`."""
        self._closed = True
        well = code == CloseCode.NORMAL_CLOSURE and self._failure is None
        self._news.put_nowait(None if well else _failed(code, self._failure))

    def set_paused(self, paused: bool) -> None:
        """See `Client`."""
        if paused:
            self._unpaused.clear()
        else:
            self._unpaused.set()


def _turned_away(refusal: Refusal) -> FileRefused:
    own_doing = refusal.reason in OWN_DOING
    status = HTTPStatus.TOO_MANY_REQUESTS if own_doing else HTTPStatus.SERVICE_UNAVAILABLE
    return FileRefused(status, refusal.reason, refusal.text, retry_after=refusal.retry_after)


def _failed(close_code: int, failure: Failed | None) -> FileRefused:
    if close_code == CloseCode.SERVICE_RESTART:
        failure = Failed("going_away", "the server restarts: send the file again", True, 1)
    if failure is None:
        failure = Failed("internal_error", "the server made a mistake", True)
    if (status := OF_KEYS.get(failure.code)) is not None:
        pause = None if failure.retry_after is None else ceil(failure.retry_after)
        return FileRefused(status, failure.code, failure.message, retry_after=pause)
    if close_code not in _AGAIN:
        return FileRefused(HTTPStatus.INTERNAL_SERVER_ERROR, failure.code, failure.message)
    again = ceil(failure.retry_after or _AGAIN_AFTER)
    unavailable = HTTPStatus.SERVICE_UNAVAILABLE
    return FileRefused(unavailable, failure.code, failure.message, retry_after=again)
