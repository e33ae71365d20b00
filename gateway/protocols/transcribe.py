"""The protocol of RNN-T style servers, ``/ws/transcribe?client_id=…``: PCM16 in, words out.

    client   {"type": "start_recording", "config": {"sample_rate": 16000}}, binary audio,
             {"type": "stop_recording"}; then it may start again, in the same call
    server   {"type": "status"}, {"type": "partial"}, {"type": "transcription"}, {"type": "error"}

Such clients append the text of each transcription, so only finals are sent as transcriptions.
They may leave when they are told that a recording has stopped, so that follows its last one.
"""

import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from common.audio import SAMPLE_RATE, rounded_seconds
from common.options import SessionOptions
from common.pipeline.text import TimedWord
from gateway.protocols import fields, naming
from gateway.protocols.api import (
    WARM,
    Carrier,
    ClientError,
    Codec,
    Message,
    Protocol,
    Request,
)
from gateway.protocols.commands import (
    MAX_SAMPLE_RATE,
    MIN_SAMPLE_RATE,
    Audio,
    AudioFormat,
    Command,
    Flush,
    Open,
    Say,
)
from gateway.protocols.events import Event, Failed, Final, GoingAway, Partial, Words

MOST_TEXT = 1 << 16
"""Characters of a text message."""

_RECORDING, _STOPPED = "recording", "stopped"

_MESSAGE: Mapping[str, fields.Reader] = {
    "type": fields.one_of(("start_recording", "stop_recording")),
    "config": lambda name, value: _known(_CONFIG, fields.mapping(name, value)),
}
_CONFIG: Mapping[str, fields.Reader] = {
    "sample_rate": fields.integer(MIN_SAMPLE_RATE, MAX_SAMPLE_RATE)
}


class TranscribeCodec(Codec):
    """One connection's codec."""

    def __init__(self, defaults: SessionOptions, request: Request) -> None:
        self._options = replace(defaults, words=True)
        self._client = request.parameter("client_id")
        self._about = naming.about(request)
        self._rate: int | None = None
        """The sample rate of the call, once it is open."""
        self._recording = False
        self._waiting: deque[str] = deque()
        """Statuses to tell: ``stopped`` waits for the last text of its recording, and what follows
        waits for that."""
        self._objected = False
        """Whether the client was told that its audio is not used."""

    @property
    def verbatim(self) -> bool:
        """See `Codec`."""
        return self._recording

    def connected(self) -> Sequence[Command]:
        """See `Codec`."""
        return (Say((self._status("ready"),)),)

    def receive_text(self, message: str) -> Sequence[Command]:
        """See `Codec`."""
        fields.check_length(message, MOST_TEXT)
        body = fields.parse_object(message)
        if "type" not in body:
            raise ClientError("unknown_type", "a message has a type")
        given = _known(_MESSAGE, body)
        if given["type"] == "start_recording":
            return self._start(given.get("config", {}).get("sample_rate", SAMPLE_RATE))
        if not self._recording:
            raise ClientError("not_recording", "stop_recording without start_recording")
        self._recording = False
        self._waiting.append(_STOPPED)
        return (Flush(),)

    def receive_binary(self, data: bytes) -> Sequence[Command]:
        """See `Codec`."""
        if self._recording:
            return (Audio(data),)
        if self._objected:
            return ()
        # Only once: a recorder that is still running would get ten errors a second.
        self._objected = True
        raise ClientError("not_recording", "audio outside of a recording was not used")

    def render(self, event: Event, now: float) -> Sequence[Message]:
        """See `Codec`."""
        told = [json.dumps(message, ensure_ascii=False) for message in _messages(event, now)]
        # Of an utterance that nobody could read, it is not known what ended it.
        if isinstance(event, Final) and event.reason in ("flush", "failed"):
            told += self._due()
        return told

    def _start(self, rate: int) -> Sequence[Command]:
        if self._recording:
            raise ClientError("recording", "start_recording while a recording is running")
        opened, self._rate = self._rate is not None, self._rate or rate
        if rate != self._rate:
            text = f"sample_rate cannot change on one connection; it is {self._rate}"
            raise ClientError("audio_format_fixed", text)
        self._recording, self._objected = True, False
        if self._waiting:
            self._waiting.append(_RECORDING)
            return ()
        status = Say((self._status(_RECORDING),))
        if opened:
            return (status,)
        return (Open(self._options, AudioFormat("pcm16", rate, 1), about=self._about), status)

    def _due(self) -> list[str]:
        """Return the status of the recording whose last text is told, and what waited for it."""
        told = [self._status(self._waiting.popleft())] if self._waiting else []
        while self._waiting and self._waiting[0] != _STOPPED:
            told.append(self._status(self._waiting.popleft()))
        return told

    def _status(self, status: str) -> str:
        return json.dumps({"type": "status", "status": status, "client_id": self._client})


def _known(readers: Mapping[str, fields.Reader], given: Mapping[str, object]) -> dict[str, Any]:
    """Read what is known here: such clients say more to other servers, and cannot be changed."""
    return fields.read_fields(readers, {name: given[name] for name in given if name in readers})


def _messages(event: Event, now: float) -> Sequence[dict[str, Any]]:
    match event:
        case Partial() if event.text:
            return [_spoken("partial", event, now)]
        case Final(failed=True):
            return [_error("utterance_failed", event.failure)]
        case Final() if event.text:
            words = {"words": _listed(event.words or ())}
            return [_spoken("transcription", event, now) | words | event.timed]
        case Words(words=words) if words is not None:
            times = {"start": rounded_seconds(event.start), "end": rounded_seconds(event.end)}
            return [{"type": "words", **times, "words": _listed(words)}]
        case Failed():
            more = {} if event.retry_after is None else {"retry_after": event.retry_after}
            return [_error(event.code, event.message) | more]
        case GoingAway():
            return [_error("going_away", "the server restarts; connect again")]
    return []


def _spoken(kind: str, event: Partial | Final, now: float) -> dict[str, Any]:
    return {
        "type": kind,
        "text": event.text,
        "is_final": isinstance(event, Final),
        "language": event.language,
        "start": rounded_seconds(event.start),
        "end": rounded_seconds(event.end),
        "timestamp": round(now, 3),
    }


def _listed(words: Sequence[TimedWord]) -> list[dict[str, Any]]:
    return [
        {"word": word.text, "start": rounded_seconds(word.start), "end": rounded_seconds(word.end)}
        for word in words
    ]


def _error(code: str, message: str) -> dict[str, Any]:
    return {"type": "error", "code": code, "message": message}


PROTOCOL = Protocol(
    "transcribe",
    TranscribeCodec,
    path="/ws/transcribe",
    credential_in=Carrier.QUERY,
    waits_s=WARM,
)
