"""The native protocol, ``/ws/asr``: JSON messages for control, binary messages of audio.

Before its config is accepted, any mistake of the client is fatal. Afterwards a bad message is
answered by an error, changes nothing, and the call goes on.

    state      config          resume      binary     flush      finalize
    NEW        OPEN            RESUMING    error      error      error
    RESUMING   error           error       error      error      error
    OPEN       OPEN            error       OPEN       OPEN       FINISHING
    FINISHING  error           error       once       error      error

(resume: a config with that option. once: the first gets an error, the rest nothing; none is used.
RESUMING ends when the session is found, as OPEN or FINISHING; errors in it are fatal. Only then are
options that came beside `resume` compared with the call's.)
"""

import json
from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import Any

from common.audio import seconds
from common.options import OPTIONS, SessionOptions
from gateway.protocols import fields
from gateway.protocols.api import ClientError, Codec, Message, Protocol, Request
from gateway.protocols.commands import (
    ENCODINGS,
    EVENTS,
    MAX_CHANNELS,
    MAX_SAMPLE_RATE,
    MIN_SAMPLE_RATE,
    Audio,
    AudioFormat,
    Command,
    Configure,
    Finish,
    Flush,
    Open,
    Resume,
)
from gateway.protocols.events import (
    AudioAck,
    Created,
    Ended,
    Event,
    Failed,
    Final,
    Gap,
    GoingAway,
    Lag,
    Partial,
    Resumed,
    SpeechEnded,
    SpeechStarted,
    Word,
    Words,
)
from gateway.protocols.options import readers, with_changes

MOST_TEXT = 1 << 17
"""Characters of a text message: more than every option at its longest, each character escaped."""

_AUDIO: Mapping[str, fields.Reader] = {
    "encoding": fields.one_of(ENCODINGS),
    "sample_rate": fields.integer(MIN_SAMPLE_RATE, MAX_SAMPLE_RATE),
    "channels": fields.one_of(range(1, MAX_CHANNELS + 1)),
}
_CHANGEABLE = tuple(each.name for each in OPTIONS.values() if each.changeable)
_EVENTS: Mapping[str, fields.Reader] = {"events": fields.subset_of(EVENTS)}
_RESUME: Mapping[str, fields.Reader] = {
    "resume": fields.text(200),
    "seq": fields.integer(0, 2**53),
    "attempt": fields.integer(1, 2**53),
}
_CONFIG = {**_AUDIO, **readers(), **_EVENTS}

_TEXT_MESSAGES = ("config", "flush", "finalize")

# RFC 6455, 7.4.1: 1007 for a message that is not what its type promises, 1008 for any other
# breach of the protocol.
_CLOSE_CODES = {"invalid_json": 1007, "not_an_object": 1007}
_POLICY_VIOLATION = 1008


class _State(Enum):
    NEW = auto()
    RESUMING = auto()
    OPEN = auto()
    FINISHING = auto()


class NativeCodec(Codec):
    """One connection's native codec; `defaults` hold for options that its config lacks."""

    def __init__(self, defaults: SessionOptions, request: Request) -> None:
        del request  # everything is said in messages
        self._state = _State.NEW
        self._options = defaults
        self._audio = AudioFormat()
        self._events: frozenset[str] = frozenset()
        self._repeated: Mapping[str, Any] = {}
        """Options that came beside `resume`."""
        self._late_audio = False

    @property
    def verbatim(self) -> bool:
        """See `gateway.protocols.api.Codec`."""
        return self._state is _State.OPEN

    def receive_text(self, message: str) -> Sequence[Command]:
        """Translate a JSON message."""
        fields.check_length(message, MOST_TEXT)
        try:
            return self._receive(fields.parse_object(message))
        except ClientError as error:
            raise self._graded(error) from None

    def receive_binary(self, data: bytes) -> Sequence[Command]:
        """Translate a message of audio."""
        if self._state is _State.OPEN:
            return (Audio(data),)
        if self._late_audio:
            return ()
        # Only once: a recorder that is still running would get ten errors a second.
        self._late_audio = self._state is _State.FINISHING
        raise self._graded(self._out_of_order("audio"))

    def render(self, event: Event, now: float) -> Sequence[Message]:
        """Translate an event; a type that the client did not opt into is not sent."""
        return [json.dumps(message, ensure_ascii=False) for message in self._messages(event, now)]

    def restore(
        self, options: SessionOptions, audio: AudioFormat, events: frozenset[str], *, ended: bool
    ) -> None:
        """See `gateway.protocols.api.Codec`."""
        self._options, self._audio, self._events = options, audio, events
        given = self._repeated.items()
        differing = [name for name, value in given if value != self._current(name)]
        if differing:
            text = "not as in the call; leave it out, or repeat what the call has now"
            raise self._graded(ClientError("option_fixed", f"{', '.join(differing)}: {text}"))
        self._state = _State.FINISHING if ended else _State.OPEN

    # --- from the client ---

    def _receive(self, message: Mapping[str, object]) -> Sequence[Command]:
        kind = message.get("type")
        if not isinstance(kind, str) or kind not in _TEXT_MESSAGES:
            known = ", ".join(_TEXT_MESSAGES)
            shown = ascii(kind[:40]) if isinstance(kind, str) else "missing or no string"
            raise ClientError("unknown_type", f"type is {shown}; known are {known}")
        deaf = self._state in (_State.RESUMING, _State.FINISHING)
        if deaf or (self._state is _State.NEW and kind != "config"):
            raise self._out_of_order(kind)
        if kind == "config":
            return self._config({name: message[name] for name in message if name != "type"})
        if kind == "flush":
            return (Flush(),)
        self._state = _State.FINISHING
        return (Finish(),)

    def _config(self, body: dict[str, object]) -> Sequence[Command]:
        if body.get("resume") is not None:
            return self._resume(body)
        body.pop("resume", None)
        given = fields.read_fields(_CONFIG, body)
        options = with_changes(self._options, given)
        if self._state is _State.OPEN:
            return self._reconfigure(given, options)
        self._state = _State.OPEN
        self._options = options
        self._audio = AudioFormat(**{name: given[name] for name in _AUDIO if name in given})
        self._events = given.get("events", frozenset())
        return (Open(self._options, self._audio, self._events),)

    def _resume(self, body: dict[str, object]) -> Sequence[Command]:
        if self._state is not _State.NEW:
            raise ClientError("option_fixed", "resume opens a connection; this one has a call")
        given = fields.read_fields({**_RESUME, **_CONFIG}, body)
        self._repeated = {name: value for name, value in given.items() if name in _CONFIG}
        self._state = _State.RESUMING
        return (Resume(given["resume"], given.get("seq", 0), given.get("attempt", 0)),)

    def _reconfigure(self, given: dict[str, Any], options: SessionOptions) -> Sequence[Command]:
        """Change what may change; any other option may be repeated but not changed."""
        for name, value in given.items():
            if name in _CHANGEABLE or value == self._current(name):
                continue
            raise ClientError(
                "audio_format_fixed" if name in _AUDIO else "option_fixed",
                f"{name} cannot change during a session; {', '.join(_CHANGEABLE)} can",
            )
        self._options = options
        return (Configure(options),)

    def _current(self, name: str) -> object:
        if name in _EVENTS:
            return self._events
        return getattr(self._audio if name in _AUDIO else self._options, name)

    def _out_of_order(self, what: str) -> ClientError:
        if self._state is _State.NEW:
            code = "audio_before_config" if what == "audio" else "config_expected"
            return ClientError(code, f'{what} before the config: send {{"type":"config"}} first')
        if self._state is _State.RESUMING:
            text = f"{what} while resuming: session_created will tell from where to go on"
            return ClientError("resuming", text)
        return ClientError("finalized", f"{what} after finalize was not used")

    def _graded(self, error: ClientError) -> ClientError:
        if self._state not in (_State.NEW, _State.RESUMING):
            return error
        close_code = _CLOSE_CODES.get(error.code, _POLICY_VIOLATION)
        return ClientError(error.code, error.message, close_code=close_code)

    # --- to the client ---

    def _messages(self, event: Event, now: float) -> Sequence[dict[str, Any]]:
        match event:
            case Created(session_id, token):
                return [_created(session_id, token)]
            case Resumed():
                going_on = {"position": event.position, "seq": event.seq}
                created = _created(event.session_id, event.resume_token)
                ended = {"ended": True} if event.ended else {}
                return [
                    {**created, "resumed": True, **going_on, "controls": event.controls, **ended}
                ]
            case Partial():
                shown = self._options.interim_results and event.text
                return [_partial(event, now)] if shown else []
            case Final():
                return self._final(event, now)
            case Words():
                return [_words(event, now)]
            case SpeechStarted() | SpeechEnded() | Gap():
                return self._if_wanted(_speech(event, now))
            case AudioAck(position):
                return self._if_wanted({"type": "audio_ack", "position": position})
            case Lag(channel, behind):
                lag = {"type": "lag", "channel": channel, "seconds": round(behind, 3)}
                return self._if_wanted(lag)
            case GoingAway(resume_within):
                text = "the server restarts; resume with the resume token"
                error = {"type": "error", "code": "going_away", "message": text}
                return [{**error, "resume_within": resume_within}]
            case Failed(code, text, _, retry_after):
                error = {"type": "error", "code": code, "message": text}
                return [error if retry_after is None else error | {"retry_after": retry_after}]
            case Ended():
                return []

    def _if_wanted(self, message: dict[str, Any]) -> Sequence[dict[str, Any]]:
        return [message] if message["type"] in self._events else []

    def _final(self, event: Final, now: float) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []
        if event.failed:
            text = (
                f"utterance {event.utterance} of channel {event.channel} "
                f"({_time(event.start):g} s to {_time(event.end):g} s) could not be recognised"
            )
            text += f": {event.trouble}" if event.trouble else ""
            messages.append({"type": "error", "code": "utterance_failed", "message": text})
        # An empty final is sent only to a client that asked for one: silence sends nothing.
        if event.text or event.reason in ("flush", "finish"):
            message = _transcript("final", event, now)
            message |= {"is_speech_final": True, "seq": event.seq, "stable": len(event.text)}
            if self._options.words and (event.text or event.words is not None):
                message |= _final_words(event)
            messages.append(message)
        return messages


def _created(session_id: str, token: str) -> dict[str, Any]:
    return {"type": "session_created", "session_id": session_id, "resume_token": token}


def _partial(event: Partial, now: float) -> dict[str, Any]:
    return _transcript("partial", event, now) | {"stable": event.stable}


def _transcript(kind: str, event: Partial | Final, now: float) -> dict[str, Any]:
    return {
        "type": kind,
        "language": event.language,
        "text": event.text,
        "timestamp": round(now, 3),
        "utterance": event.utterance,
        "channel": event.channel,
        "start": _time(event.start),
        "end": _time(event.end),
    }


def _final_words(event: Final) -> dict[str, Any]:
    fields: dict[str, Any] = {"words": _listed(event.words)}
    if event.words_pending:
        fields["words_pending"] = True
    if event.words_unavailable:
        fields["words_unavailable"] = event.words_unavailable
    return fields


def _words(event: Words, now: float) -> dict[str, Any]:
    message: dict[str, Any] = {
        "type": "words",
        "timestamp": round(now, 3),
        "utterance": event.utterance,
        "channel": event.channel,
        "start": _time(event.start),
        "end": _time(event.end),
        "seq": event.seq,
        "words": _listed(event.words),
    }
    return message | ({"words_unavailable": event.unavailable} if event.unavailable else {})


def _listed(words: Sequence[Word] | None) -> list[dict[str, Any]] | None:
    return None if words is None else [_word(word) for word in words]


def _speech(event: SpeechStarted | SpeechEnded | Gap, now: float) -> dict[str, Any]:
    message: dict[str, Any] = {"channel": event.channel, "start": _time(event.start)}
    match event:
        case SpeechStarted():
            message |= {"type": "speech_started", "utterance": event.utterance}
            message |= {"at": _time(event.at), "timestamp": round(now, 3)}
        case SpeechEnded():
            message |= {"type": "speech_ended", "utterance": event.utterance}
            message |= {"end": _time(event.end), "at": _time(event.at)}
            message |= {"reason": event.reason, "timestamp": round(now, 3)}
        case Gap():
            message |= {"type": "gap", "end": _time(event.end)}
    return message


def _word(word: Word) -> dict[str, Any]:
    return {
        "word": word.text,
        "start": _time(word.start),
        "end": _time(word.end),
        "probability": round(word.probability, 4),
    }


def _time(position: int) -> float:
    """Convert a position to seconds, to the millisecond."""
    return round(seconds(position), 3)


PROTOCOL = Protocol("native", NativeCodec, path="/ws/asr", resumable=True)
