"""The codec of one connection, and what the gateway needs to know of the protocol."""

import json
from collections.abc import Mapping, Sequence

from common.audio import SAMPLE_RATE
from common.languages import code_of
from common.options import SessionOptions
from gateway.protocols import fields, naming
from gateway.protocols.api import (
    Carrier,
    ClientError,
    Codec,
    Denial,
    Message,
    Protocol,
    Request,
)
from gateway.protocols.assemblyai import parameters
from gateway.protocols.commands import (
    TURN_EVENTS,
    Audio,
    Command,
    Configure,
    Finish,
    Flush,
    Open,
)
from gateway.protocols.events import (
    Created,
    Ended,
    Event,
    Failed,
    Final,
    GoingAway,
    Heard,
    SpeechStarted,
    Turn,
)
from gateway.protocols.frames import Frames
from gateway.protocols.spoken_turns import Said, SpokenTurns

MOST_TEXT = 1 << 16
"""Characters of a text message."""
LONGEST_S = 3 * 3600
"""Seconds after which `Begin` says that a call expires; none does."""

_KIND = fields.one_of(("UpdateConfiguration", "ForceEndpoint", "KeepAlive", "Terminate"))
_EVENTS = frozenset((*TURN_EVENTS, "speech_started"))
_INVALID = 3006
_CODES: Mapping[str, int] = {
    "invalid_audio": 3007,
    "at_capacity": 3009,
    "key_calls": 3009,
    "key_audio": 4002,
    "missing_key": 4001,
    "unknown_key": 4001,
    "revoked_key": 4001,
    "open_timeout": 4031,
    "message_rate": 4029,
    "unavailable": 1013,
    "going_away": 1013,
}
"""Codes of errors and of closing, by ours; others are 3005, a server's error."""
_SERVER_ERROR = 3005

Body = dict[str, object]


class AssemblyAICodec(Codec):
    """One connection's codec. Its constructor raises ClientError for parameters of no use."""

    def __init__(self, defaults: SessionOptions, request: Request) -> None:
        asked = parameters.read(request.query, defaults)
        self._defaults = defaults
        self._asked = asked
        self._options = asked.options
        self._silences = asked.silences
        self._about = naming.about(request)
        self._frames = Frames(asked.audio)
        self._decoded = 0
        """Where compressed audio ends, whose size does not tell."""
        self._began = 0.0
        self._turns = SpokenTurns()
        self._turn_order = 0
        self._speaking = False
        """Whether speech was told to have started since the last turn."""
        self._finishing = False

    @property
    def divisible(self) -> bool:
        """See `Codec`."""
        return True

    def connected(self) -> Sequence[Command]:
        """See `Codec`."""
        asked = self._asked
        return (Open(self._options, asked.audio, _EVENTS, self._about, coding=asked.coding),)

    def receive_binary(self, data: bytes) -> Sequence[Command]:
        """See `Codec`."""
        if self._finishing:
            return ()
        self._frames.push(len(data))
        return (Audio(data),)

    def receive_text(self, message: str) -> Sequence[Command]:
        """See `Codec`. A message that cannot be read ends the call, as the service does."""
        fields.check_length(message, MOST_TEXT)
        try:
            body = fields.parse_object(message)
            return self._receive(_KIND("type", body.get("type")), body)
        except ClientError as error:
            raise ClientError("invalid_message", error.message, close_code=_INVALID) from None

    def render(self, event: Event, now: float) -> Sequence[Message]:
        """See `Codec`."""
        return [json.dumps(body, ensure_ascii=False) for body in self._messages(event, now)]

    def closing(self, close_code: int, reason: str) -> tuple[int, str]:
        """See `Codec`."""
        if reason == "finished" or close_code == _INVALID:
            return close_code, reason
        return _CODES.get(reason, _SERVER_ERROR), reason

    # --- from the client ---

    def _receive(self, kind: str, body: Mapping[str, object]) -> Sequence[Command]:
        if self._finishing or kind == "KeepAlive":
            return ()
        match kind:
            case "ForceEndpoint":
                self._frames.cut()
                return (Flush(),)
            case "Terminate":
                self._finishing = True
                return (Finish(),)
        given = (body, self._options, self._silences, self._defaults)
        self._options, self._silences = parameters.updated(*given)
        return (Configure(self._options),)

    # --- to the client ---

    def _messages(self, event: Event, now: float) -> Sequence[Body]:
        match event:
            case Created(session_id):
                self._began = now
                expires = round(now) + LONGEST_S
                return [{"type": "Begin", "id": session_id, "expires_at": expires}]
            case Heard(position):
                self._decoded = position
                return []
            case SpeechStarted():
                return [] if self._turns.open else [self._started(event.start)]
            case Failed(code, text, fatal):
                return [_failed(code, text, fatal=fatal)]
            case GoingAway():
                return [_failed("going_away", "the server restarts; connect again", fatal=True)]
            case Ended():
                return [self._termination(now)]
        found: list[Body] = []
        if isinstance(event, Turn) and event.kind == "started" and not self._speaking:
            # Speech events and texts are not in order, but no text comes before its speech.
            found.append(self._started(event.start))
        if isinstance(event, Final) and event.failed:
            found.append(_failed("utterance_failed", event.failure, fatal=False))
        return [*found, *map(self._turn, self._turns.hear(event))]

    def _started(self, start: int) -> Body:
        self._speaking = True
        return {"type": "SpeechStarted", "timestamp": _milliseconds(start)}

    def _turn(self, said: Said) -> Body:
        ended = said.kind == "ended"
        scaled = self._silences.pace.told(said.confidence, self._defaults)
        body: Body = {
            "type": "Turn",
            "turn_order": self._turn_order,
            "turn_is_formatted": ended,
            "end_of_turn": ended,
            "transcript": said.transcript,
            "end_of_turn_confidence": round(scaled, 4),
            "words": [
                {
                    "start": _milliseconds(word.start),
                    "end": _milliseconds(word.end),
                    "confidence": round(word.confidence, 4),
                    "text": word.text,
                    "word_is_final": word.stays,
                }
                for word in said.words
            ],
        }
        if ended:
            self._turn_order += 1
            self._speaking = False
        if self._asked.detects and said.language is not None:
            body["language_code"] = code_of(said.language)
            if said.language_confidence is not None:
                body["language_confidence"] = round(said.language_confidence, 4)
        return body

    def _termination(self, now: float) -> Body:
        position = self._frames.whole / self._asked.audio.sample_rate
        if self._asked.coding is not None:
            position = self._decoded / SAMPLE_RATE
        return {
            "type": "Termination",
            "audio_duration_seconds": round(position),
            "session_duration_seconds": round(max(0.0, now - self._began)),
        }


def _failed(code: str, text: str, *, fatal: bool) -> Body:
    number = _CODES.get(code, _INVALID if code == "invalid_message" else _SERVER_ERROR)
    if fatal:
        return {"type": "Error", "error_code": number, "error": f"{text} ({code})"}
    return {"type": "Warning", "warning_code": number, "warning": f"{text} ({code})"}


def _milliseconds(position: int) -> int:
    return round(position * 1000 / SAMPLE_RATE)


def denial(status: int, reason: str) -> Denial:
    """Return a refused handshake in the form of the service's errors."""
    body = {"error_code": _CODES.get(reason, status), "error": reason}
    return Denial("application/json", json.dumps(body).encode())


PROTOCOL = Protocol(
    "assemblyai",
    AssemblyAICodec,
    path="/v3/ws",
    credential_in=Carrier.QUERY,
    denial=denial,
)
