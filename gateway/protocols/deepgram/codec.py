"""The codec of one connection, and what the gateway needs to know of the protocol."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus

from common.audio import SAMPLE_RATE, rounded_seconds
from common.options import SessionOptions
from gateway.protocols import fields, naming
from gateway.protocols.api import ClientError, Codec, Denial, Message, Protocol, Request
from gateway.protocols.commands import (
    Audio,
    AudioFormat,
    Command,
    Configure,
    Finish,
    Flush,
    Open,
    Say,
)
from gateway.protocols.deepgram import messages, parameters
from gateway.protocols.deepgram.messages import Body
from gateway.protocols.deepgram.pauses import Pauses
from gateway.protocols.events import (
    Created,
    Ended,
    Event,
    Failed,
    Final,
    GoingAway,
    Heard,
    Partial,
    SpeechStarted,
)
from gateway.protocols.frames import Frames

IDLE = 10.0
"""Seconds that a client may send nothing, not even `KeepAlive`."""
MOST_TEXT = 1 << 16
"""Characters of a text message."""

_CLOSINGS = {
    "invalid_audio": (1008, "DATA-0000: the payload cannot be decoded as audio"),
    "idle": (1011, "NET-0001: no audio and no KeepAlive within the timeout"),
    "finished": (1000, ""),
}
_KIND = fields.one_of(("KeepAlive", "Finalize", "Configure", "CloseStream"))


class DeepgramCodec(Codec):
    """One connection's codec. Its constructor raises ClientError for parameters of no use."""

    def __init__(self, defaults: SessionOptions, request: Request) -> None:
        asked = parameters.live(request.query, defaults)
        self._asked = asked
        self._options = asked.options
        self._channels = asked.audio.channels
        self._about = naming.about(request, channels=self._channels)
        self._until = [0] * self._channels
        """Where the last final of each channel ended."""
        self._clock = _Clock(asked.audio, compressed=asked.coding is not None)
        self._pauses = None
        if asked.utterance_end is not None:
            self._pauses = Pauses(self._channels, asked.utterance_end, partials=asked.interim)
        self._silences = None
        """Ends of speech, where those of utterances are not; None without them."""
        if asked.speech_end:
            self._silences = Pauses(self._channels, asked.speech_end, partials=asked.interim)
        self._request_id = ""
        self._created = 0.0
        self._waiting: list[Body] = []
        """Answers that have to name the request before it has its name."""
        self._finishing = False
        self._finalizing = [0] * self._channels
        """How many `Finalize` of each channel have no answer yet."""

    @property
    def divisible(self) -> bool:
        """See `Codec`."""
        return True

    def connected(self) -> Sequence[Command]:
        """See `Codec`."""
        wanted = self._asked.vad_events or self._pauses is not None
        events = frozenset({"speech_started"} if wanted else ())
        asked = self._asked
        return (Open(self._options, asked.audio, events, self._about, coding=asked.coding),)

    def receive_binary(self, data: bytes) -> Sequence[Command]:
        """Translate audio; an empty message, which older clients send, is a `CloseStream`."""
        if self._finishing:
            return ()
        if not data:
            return self._finish()
        self._clock.push(data)
        if self._asked.coding is not None:
            return (Audio(data),)
        ends = self._heard(self._clock.position)
        return (Audio(data), Say(_texts(ends))) if ends else (Audio(data),)

    def receive_text(self, message: str) -> Sequence[Command]:
        """See `Codec`."""
        fields.check_length(message, MOST_TEXT)
        try:
            return self._receive(fields.parse_object(message))
        except ClientError as error:
            raise ClientError("SchemaError", error.message) from None

    def render(self, event: Event, now: float) -> Sequence[Message]:
        """See `Codec`."""
        return _texts(self._messages(event, now))

    def closing(self, close_code: int, reason: str) -> tuple[int, str]:
        """See `Codec`."""
        return _CLOSINGS.get(reason, (close_code, reason))

    # --- from the client ---

    def _receive(self, body: Mapping[str, object]) -> Sequence[Command]:
        kind = _KIND("type", body.get("type"))
        if self._finishing or kind == "KeepAlive":
            return ()
        if kind == "Finalize":
            self._clock.frames.cut()
            self._finalizing = [waiting + 1 for waiting in self._finalizing]
            return (Flush(),)
        if kind == "Configure":
            return self._configure(body)
        return self._finish()

    def _finish(self) -> Sequence[Command]:
        self._finishing = True
        return (Finish(),)

    def _configure(self, body: Mapping[str, object]) -> Sequence[Command]:
        """Replace the terms to expect; other features are ignored, as in the URL."""
        answer: Body = {"type": "ConfigureSuccess", "request_id": self._request_id}
        commands: list[Command] = []
        if body.get("keyterms") is not None:
            try:
                found = parameters.terms("keyterms", body["keyterms"])
            except ClientError as error:
                raise fields.unchanged(error) from None
            answer["keyterms"] = [*found]
            self._options = replace(self._options, keywords=found)
            commands.append(Configure(self._options))
        if not self._request_id:
            self._waiting.append(answer)
            return commands
        return [*commands, Say(_texts([answer]))]

    # --- to the client ---

    def _messages(self, event: Event, now: float) -> Sequence[Body]:
        match event:
            case Created(session_id):
                self._request_id, self._created = session_id, now
                waiting, self._waiting = self._waiting, []
                return [{**answer, "request_id": session_id} for answer in waiting]
            case Heard(position):
                self._clock.decoded = position
                return self._heard(position)
            case Partial() if event.text:
                return self._partial(event)
            case Final():
                return self._final(event)
            case SpeechStarted():
                return self._started(event)
            case Failed(code, text):
                return [_error("NET-0001" if code == "idle" else code, text)]
            case GoingAway():
                return [_error("going_away", "the server restarts; connect again")]
            case Ended():
                return [self._metadata()]
        return []

    @property
    def _following(self) -> list[Pauses]:
        return [each for each in (self._pauses, self._silences) if each is not None]

    def _heard(self, position: int) -> list[Body]:
        """Take note that there is audio up to a position; return the pauses that it ends."""
        for pauses in self._following:
            pauses.heard(position)
        return self._ends()

    def _partial(self, event: Partial) -> list[Body]:
        found: list[Body] = []
        said = (event.channel, event.utterance, event.end, event.text)
        if self._silences is not None:
            found += map(self._speech_end, self._silences.partial(*said))
        if self._pauses is not None:
            found += map(self._utterance_end, self._pauses.partial(*said))
        certain = event.stable / len(event.text)
        text = self._asked.wording.text(event.text, self._language(event))
        best = messages.alternative(text, (), certain, self._told(event.language))
        result = messages.results(
            self._request_id,
            self._channel(event.channel),
            self._span(event),
            best,
            is_final=False,
            speech_final=False,
        )
        return [*found, result]

    def _final(self, event: Final) -> Sequence[Body]:
        words = event.words or ()
        certain = 1.0 if event.text else 0.0
        wording, language = self._asked.wording, self._language(event)
        best = messages.alternative(
            wording.text(event.text, language),
            wording.words(words, language),
            certain,
            self._told(event.language),
            speakers=event.speakers,
        )
        span = self._span(event)
        self._until[event.channel] = span[1]
        result = messages.results(
            self._request_id,
            self._channel(event.channel),
            span,
            best,
            is_final=True,
            speech_final=self._ends_speech(event),
            from_finalize=self._answers_finalize(event),
        )
        failure = [_error("utterance_failed", event.trouble)] if event.failed else []
        last = words[-1].end if words else event.end
        for pauses in self._following:
            if not event.text or (pauses is self._silences and self._ends_speech(event)):
                pauses.wordless(event.channel, event.utterance)
            else:
                pauses.ended(event.channel, event.utterance, last)
        return [*failure, result | event.timed, *self._ends()]

    def _answers_finalize(self, event: Final) -> bool:
        """Tell whether a final answers a `Finalize`.

        What ended an utterance that nobody could read is not known.
        """
        waiting = self._finalizing[event.channel]
        if event.reason != "flush" and not (event.reason == "failed" and waiting):
            return False
        self._finalizing[event.channel] = max(0, waiting - 1)
        return True

    def _ends_speech(self, event: Final) -> bool:
        """Whether speech ends with a final: it may also be cut, or end early for `UtteranceEnd`."""
        early = event.reason == "silence" and self._asked.speech_end is not None
        return event.reason != "length" and not early

    def _started(self, event: SpeechStarted) -> Sequence[Body]:
        for pauses in self._following:
            pauses.started(event.channel, event.utterance, event.start)
        ends = self._ends()
        if not self._asked.vad_events:
            return ends
        channel = self._channel(event.channel)
        at = rounded_seconds(event.start)
        return [*ends, {"type": "SpeechStarted", "channel": channel, "timestamp": at}]

    def _ends(self) -> list[Body]:
        speech = [] if self._silences is None else self._silences.over()
        utterances = [] if self._pauses is None else self._pauses.over()
        return [*map(self._utterance_end, utterances), *map(self._speech_end, speech)]

    def _utterance_end(self, pause: tuple[int, int]) -> Body:
        channel, last = pause
        place = {"channel": self._channel(channel), "last_word_end": rounded_seconds(last)}
        return {"type": "UtteranceEnd", **place}

    def _speech_end(self, pause: tuple[int, int]) -> Body:
        """Return the result without words that tells that speech has ended."""
        channel, _ = pause
        until = self._until[channel]
        return messages.results(
            self._request_id,
            self._channel(channel),
            (until, until),
            messages.alternative("", (), 0.0),
            is_final=True,
            speech_final=True,
        )

    def _metadata(self) -> Body:
        return messages.metadata(
            self._request_id,
            created=self._created,
            sha256=self._clock.digest.hexdigest(),
            duration=self._clock.position,
            channels=self._channels,
        )

    def _channel(self, index: int) -> list[int]:
        return [index, self._channels]

    def _span(self, event: Partial | Final) -> tuple[int, int]:
        """Return where a text lies, behind all finals of its channel."""
        start = max(event.start, self._until[event.channel])
        return start, max(event.end, start)

    def _language(self, event: Partial | Final) -> str | None:
        return event.language or self._options.language

    def _told(self, language: str | None) -> str | None:
        return language if self._asked.detects_language else None


class _Clock:
    """Where the audio received so far ends, in samples at 16 kHz, and its SHA-256."""

    def __init__(self, audio: AudioFormat, *, compressed: bool) -> None:
        self.digest = hashlib.sha256()
        self.decoded = 0 if compressed else None
        """Where compressed audio ends, whose size does not tell."""
        self.frames = Frames(audio)
        self._rate = audio.sample_rate

    def push(self, data: bytes) -> None:
        self.frames.push(len(data))
        self.digest.update(data)

    @property
    def position(self) -> int:
        if self.decoded is not None:
            return self.decoded
        return self.frames.whole * SAMPLE_RATE // self._rate


def _error(variant: str, text: str) -> Body:
    return {"type": "Error", "variant": variant, "description": text, "message": text}


def _texts(bodies: Sequence[Body]) -> list[str]:
    return [json.dumps(body, ensure_ascii=False) for body in bodies]


def subprotocol(offered: Sequence[str]) -> str | None:
    """Choose the name before a browser's key, which it offers as ``token, <key>``."""
    return offered[0] if len(offered) > 1 and offered[0] in ("token", "bearer") else None


def denial(status: int, reason: str) -> Denial:
    """Return Deepgram's form of a refused handshake."""
    code = HTTPStatus(status).phrase.upper().replace(" ", "_")
    body = {"err_code": code, "err_msg": reason, "request_id": ""}
    return Denial("application/json", json.dumps(body).encode())


PROTOCOL = Protocol(
    "deepgram",
    DeepgramCodec,
    path="/v1/listen",
    subprotocol=subprotocol,
    denial=denial,
    idle_s=IDLE,
)
