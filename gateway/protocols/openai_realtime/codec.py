"""The codec of OpenAI's Realtime API for transcription: events of its client, events for it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from common.audio import SAMPLE_RATE
from common.options import SessionOptions
from gateway.protocols import fields, naming
from gateway.protocols.api import (
    WARM,
    ClientError,
    Codec,
    Denial,
    Message,
    Protocol,
    Request,
)
from gateway.protocols.commands import Audio, Command, Configure, Flush, Open, Say
from gateway.protocols.events import (
    Event,
    Failed,
    Final,
    GoingAway,
    Partial,
    SpeechEnded,
    SpeechStarted,
)
from gateway.protocols.frames import Frames
from gateway.protocols.openai_realtime.items import Fields, Items
from gateway.protocols.openai_realtime.session import Session

MOST_TEXT = 1 << 20
"""Characters of a text message: 16 s of ``audio/pcm``."""

_LEAST_COMMIT = SAMPLE_RATE // 10
"""Samples of the shortest audio that may be committed."""
_SUBPROTOCOL = "realtime"
_OF_CLIENTS = ("truncated_sample", "invalid_audio")
"""Mistakes of clients that show only in their audio."""
_KINDS = (
    "session.update",
    "transcription_session.update",
    "input_audio_buffer.append",
    "input_audio_buffer.commit",
    "input_audio_buffer.clear",
)


class RealtimeCodec(Codec):
    """One connection's codec."""

    def __init__(self, defaults: SessionOptions, request: Request) -> None:
        self._id = request.session
        self._about = naming.about(request)
        self._session = Session.initial(defaults)
        self._items = Items(request.session[:12])
        self._opened = False
        self._denoised = False
        """Whether the call was opened with noise reduction, which can be switched then."""
        self._frames = Frames(self._session.audio)
        """How much audio came, once the call is open."""
        self._count = 0
        """How many events were sent."""
        self._asked: str | None = None
        """The `event_id` of the client's event that is handled now; empty if it has none."""

    def connected(self) -> Sequence[Command]:
        """See `Codec`."""
        return (self._say([self._described("session.created")]),)

    def receive_text(self, message: str) -> Sequence[Command]:
        """See `Codec`."""
        self._asked = ""
        fields.check_length(message, MOST_TEXT)
        body = fields.parse_object(message)
        asked = body.get("event_id")
        self._asked = asked[:512] if isinstance(asked, str) and asked.isprintable() else ""
        commands = self._receive(body)
        self._asked = None
        return commands

    def receive_binary(self, data: bytes) -> Sequence[Command]:
        """See `Codec`."""
        self._asked = ""
        raise ClientError("invalid_message", "audio comes as input_audio_buffer.append, in base64")

    def render(self, event: Event, now: float) -> Sequence[Message]:
        """See `Codec`."""
        return self._texts(self._messages(event))

    def _receive(self, body: Mapping[str, object]) -> Sequence[Command]:
        match body.get("type"):
            case "input_audio_buffer.append":
                return self._append(body.get("audio"))
            case "input_audio_buffer.commit":
                return self._commit()
            case "input_audio_buffer.clear":
                return self._clear()
            case "session.update" | "transcription_session.update" as kind:
                try:
                    session = fields.mapping("session", body.get("session"))
                    return self._update(session, f"{kind}d")
                except ClientError as error:
                    raise self._unchanged(error) from None
            case kind:
                shown = ascii(kind[:80]) if isinstance(kind, str) else "missing"
                text = f"type is {shown}; this server transcribes, and knows {', '.join(_KINDS)}"
                raise ClientError("unknown_event", text)

    def _update(self, given: Mapping[str, object], answer: str) -> Sequence[Command]:
        session = self._session.updated(given)
        options, before = session.options, self._session.options
        if options.contradiction:
            raise ClientError("invalid_option", options.contradiction)
        if self._opened and session.audio != self._session.audio:
            text = "the format cannot change once audio was sent; connect again for another"
            raise ClientError("audio_format_fixed", text)
        if self._opened and not self._denoised and options.denoise:
            text = "noise_reduction can be switched only if it was on when the audio began"
            raise ClientError("noise_reduction_fixed", text)
        self._session, self._items.manual = session, session.manual
        said = self._say([self._described(answer)])
        return (Configure(options), said) if self._opened and options != before else (said,)

    def _unchanged(self, error: ClientError) -> ClientError:
        audio = self._session.audio
        still = f"{self._session.format['type']} at {audio.sample_rate} Hz"
        return fields.unchanged(error, f": audio is still read as {still}")

    def _append(self, audio: object) -> Sequence[Command]:
        data = fields.base64("audio", audio)
        commands: list[Command] = []
        if not self._opened:
            self._opened, self._denoised = True, self._session.options.denoise
            speech = frozenset({"speech_started", "speech_ended"})
            opened = self._session.options, self._session.audio
            self._frames = Frames(self._session.audio)
            commands.append(Open(*opened, speech, self._about))
        self._frames.push(len(data))
        return [*commands, Audio(data)] if data else commands

    def _commit(self) -> Sequence[Command]:
        buffered = self._position - self._items.buffered_from
        if buffered < _LEAST_COMMIT:
            least, most = _LEAST_COMMIT * 1000 // SAMPLE_RATE, max(buffered, 0) * 1000
            text = f"the buffer has {most // SAMPLE_RATE} ms of audio, and needs at least {least}"
            raise ClientError("input_audio_buffer_commit_empty", text)
        self._frames.cut()
        return (self._say(self._items.commit(self._position)), Flush())

    def _clear(self) -> Sequence[Command]:
        cleared = self._say([{"type": "input_audio_buffer.cleared"}])
        if self._position <= self._items.buffered_from and not self._frames.split:
            return (cleared,)
        self._frames.cut()
        self._items.clear(self._position)
        return (cleared, Flush())

    @property
    def _position(self) -> int:
        """Where a flush would take effect: behind all whole samples that came."""
        return -(-self._frames.whole * SAMPLE_RATE // self._session.audio.sample_rate)

    def _messages(self, event: Event) -> Sequence[Fields]:
        match event:
            case Partial():
                return self._items.partial(event)
            case Final():
                return self._items.final(event)
            case SpeechStarted():
                return self._items.started(event)
            case SpeechEnded():
                return self._items.ended(event)
            case GoingAway():
                text = "the server restarts; connect again"
                return [self._error("server_error", "going_away", text)]
            case Failed(code="denoise_unavailable"):
                self._denoised, self._session = False, replace(self._session, noise=None)
                return []  # The call goes on, but clients give up at any error.
            case Failed(code, text):
                asked, self._asked = self._asked, None
                if asked is None and code not in _OF_CLIENTS:
                    return [self._error("server_error", code, text)]
                return [self._error("invalid_request_error", code, text, asked or "")]
        return []

    def _error(self, kind: str, code: str, text: str, asked: str = "") -> Fields:
        about = {"type": kind, "code": code, "message": text, "param": None}
        return {"type": "error", "error": {**about, "event_id": asked or None}}

    def _described(self, kind: str) -> Fields:
        """Return an event with the whole session object, in the form that its name implies."""
        session: dict[str, Any] = {"id": self._id, "object": "realtime.transcription_session"}
        if kind.startswith("transcription_session"):
            return {"type": kind, "session": {**session, **self._session.shown_flat()}}
        audio = {"input": self._session.shown()}
        return {"type": kind, "session": {**session, "type": "transcription", "audio": audio}}

    def _say(self, messages: Sequence[Fields]) -> Say:
        return Say(self._texts(messages))

    def _texts(self, messages: Sequence[Fields]) -> list[str]:
        texts = []
        for message in messages:
            self._count += 1
            numbered = {"event_id": f"event_{self._count}", **message}
            texts.append(json.dumps(numbered, ensure_ascii=False))
        return texts


def _subprotocol(offered: Sequence[str]) -> str | None:
    """Choose the protocol; a browser offers its key beside it."""
    return _SUBPROTOCOL if _SUBPROTOCOL in offered else None


def _denial(status: int, reason: str) -> Denial:
    kind = "rate_limit_exceeded" if status == HTTPStatus.TOO_MANY_REQUESTS else "server_error"
    text = f"the server does not take this call now: {reason}"
    error = {"message": text, "type": kind, "param": None, "code": reason}
    return Denial("application/json", json.dumps({"error": error}).encode())


PROTOCOL = Protocol(
    "openai_realtime",
    RealtimeCodec,
    path="/v1/realtime",
    speaks_in_text=True,
    subprotocol=_subprotocol,
    denial=_denial,
    waits_s=WARM,
)
