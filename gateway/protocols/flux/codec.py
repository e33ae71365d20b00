"""The codec of one connection, and what the gateway needs to know of the protocol.

    state    Turn started    Partial, audio    eager end       resumed        ended
    NO TURN  StartOfTurn     –                 –               –              –
    OPEN     –               Update            EagerEndOfTurn  –              EndOfTurn
    EAGER    –               –                 –               TurnResumed    EndOfTurn

The table is that of `SpokenTurns`. `turn_index` counts ended turns, `sequence_id` messages.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from common.audio import SAMPLE_RATE, rounded_seconds
from common.languages import code_of
from common.options import SessionOptions
from gateway.protocols import fields, naming
from gateway.protocols.api import ClientError, Codec, Message, Protocol, Request
from gateway.protocols.commands import (
    TURN_EVENTS,
    Audio,
    Command,
    Configure,
    Finish,
    Flush,
    Open,
    Say,
)
from gateway.protocols.deepgram import parameters as listen
from gateway.protocols.deepgram.codec import denial, subprotocol
from gateway.protocols.events import Created, Event, Failed, Final, GoingAway, Heard
from gateway.protocols.flux import parameters
from gateway.protocols.frames import Frames
from gateway.protocols.options import with_changes
from gateway.protocols.spoken_turns import Kind, Said, SpokenTurns

MOST_TEXT = 1 << 16
"""Characters of a text message."""
UPDATE_EVERY = SAMPLE_RATE // 4
"""Samples of audio after which an open turn is told of again."""

_NAMES: Mapping[Kind, str] = {
    "started": "StartOfTurn",
    "update": "Update",
    "eager_end": "EagerEndOfTurn",
    "resumed": "TurnResumed",
    "ended": "EndOfTurn",
}
_TRIGGERS = {"flush": "manual", "silence": "model"}
_KIND = fields.one_of(("Configure", "ForceEndTurn", "CloseStream"))
_HINTS = fields.texts(20, 20)
_POLICY_VIOLATION = 1008

Body = dict[str, object]


class FluxCodec(Codec):
    """One connection's codec. Its constructor raises ClientError for parameters of no use."""

    def __init__(self, defaults: SessionOptions, request: Request) -> None:
        asked = parameters.read(request.query, defaults)
        self._defaults = defaults
        self._asked = asked
        self._options = asked.options
        self._thresholds = asked.thresholds
        self._hints = asked.hints
        self._about = naming.about(request)
        self._request_id = ""
        self._messages = 0
        """How many were sent."""
        self._early: list[tuple[str, Body]] = []
        """Answers to what was asked before the call was open."""
        self._turn_index = 0
        self._turns = SpokenTurns()
        self._told = 0
        """Where the audio ended when the open turn was told of last."""
        self._frames = Frames(asked.audio)
        self._heard = 0
        """Where the audio ends that was received, at 16 kHz."""
        self._finishing = False

    @property
    def divisible(self) -> bool:
        """See `Codec`."""
        return True

    def connected(self) -> Sequence[Command]:
        """See `Codec`."""
        events, asked = frozenset(TURN_EVENTS), self._asked
        return (Open(self._options, asked.audio, events, self._about, coding=asked.coding),)

    def receive_binary(self, data: bytes) -> Sequence[Command]:
        """Translate audio; with an open turn it is answered each quarter of a second."""
        if self._finishing:
            return ()
        if self._asked.coding is not None:
            return (Audio(data),)
        self._frames.push(len(data))
        again = self._repeated(self._frames.whole * SAMPLE_RATE // self._asked.audio.sample_rate)
        return (Audio(data), Say(again)) if again else (Audio(data),)

    def receive_text(self, message: str) -> Sequence[Command]:
        """See `Codec`. Only `Configure` may be refused without ending the call."""
        fields.check_length(message, MOST_TEXT)
        try:
            body = fields.parse_object(message)
            kind = _KIND("type", body.get("type"))
        except ClientError as error:
            code = "UNPARSABLE_CLIENT_MESSAGE"
            raise ClientError(code, error.message, close_code=_POLICY_VIOLATION) from None
        if self._finishing:
            return ()
        if kind == "ForceEndTurn":
            self._frames.cut()
            return (Flush(),)
        if kind == "Configure":
            return self._configure(body)
        self._finishing = True
        return (Finish(),)

    def render(self, event: Event, now: float) -> Sequence[Message]:
        """See `Codec`."""
        match event:
            case Created(session_id):
                self._request_id = session_id
                answers, self._early = self._early, []
                return [
                    self._message("Connected"),
                    *(self._message(kind, **body) for kind, body in answers),
                ]
            case Heard(position):
                return self._repeated(position)
            case Failed(code, text, fatal):
                return [self._failed(code, text, fatal=fatal)]
            case GoingAway():
                return [self._failed("going_away", "the server restarts; connect again")]
        messages: list[Message] = []
        if isinstance(event, Final) and event.failed:
            messages.append(self._failed("utterance_failed", event.failure, fatal=False))
        return [*messages, *map(self._turn_info, self._turns.hear(event))]

    # --- from the client ---

    def _configure(self, body: Mapping[str, object]) -> Sequence[Command]:
        try:
            options = self._changed(body)
        except ClientError as error:
            text = fields.unchanged(error).message
            refused: Body = {"code": "INVALID_CONFIGURATION", "description": text}
            return self._answer("ConfigureFailure", refused)
        self._options = options
        answer: Body = {"thresholds": self._thresholds.told, "keyterms": [*options.keywords]}
        answer |= {"language_hints": [*self._hints]} if self._asked.multi else {}
        return (Configure(options), *self._answer("ConfigureSuccess", answer))

    def _changed(self, body: Mapping[str, object]) -> SessionOptions:
        """Return the options that a `Configure` asks for. Raises ClientError."""
        options, thresholds, hints = self._options, self._thresholds, self._hints
        if body.get("thresholds") is not None:
            asked = fields.mapping("thresholds", body["thresholds"])
            thresholds = thresholds.changed(asked)
            options = thresholds.applied(options, self._defaults)
        if body.get("keyterms") is not None:
            options = replace(options, keywords=listen.terms("keyterms", body["keyterms"]))
        if body.get("language_hints") is not None:
            hints = _HINTS("language_hints", body["language_hints"])
            if not self._asked.multi:
                raise ClientError("invalid_option", "language_hints needs flux-general-multi")
            options = with_changes(options, parameters.hinted(hints))
        self._thresholds, self._hints = thresholds, hints
        return options

    # --- to the client ---

    def _answer(self, kind: str, body: Body) -> Sequence[Command]:
        """Answer now, or behind `Connected`, which is the first message."""
        if self._request_id:
            return (Say([self._message(kind, **body)]),)
        self._early.append((kind, body))
        return ()

    def _repeated(self, position: int) -> list[Message]:
        """Take note of audio up to a position; tell of the open turn again if it is time."""
        self._heard = position
        said = self._turns.said
        if said is None or position - self._told < UPDATE_EVERY:
            return []
        return [self._turn_info(replace(said, kind="update", confidence=0.0, end=position))]

    def _turn_info(self, said: Said) -> Message:
        self._told = self._heard
        scaled = self._thresholds.pace.told(said.confidence, self._defaults)
        message: Body = {
            "event": _NAMES[said.kind],
            "turn_index": self._turn_index,
            "audio_window_start": rounded_seconds(said.start),
            "audio_window_end": rounded_seconds(max(said.start, said.end)),
            "transcript": said.transcript,
            "words": [self._word(said, n) for n in range(len(said.words))],
            "end_of_turn_confidence": round(scaled, 4),
        }
        if said.kind == "ended":
            self._turn_index += 1
            message["trigger"] = self._trigger(said)
        if self._asked.multi and said.language is not None:
            message["languages"] = [code_of(said.language)]
        if self._asked.multi and self._hints:
            message["languages_hinted"] = [*self._hints]
        return self._message("TurnInfo", **message)

    @staticmethod
    def _word(said: Said, index: int) -> Body:
        word = said.words[index]
        body: Body = {"word": word.text, "confidence": round(word.confidence, 4)}
        if word.timed:
            body |= {"start": rounded_seconds(word.start), "end": rounded_seconds(word.end)}
        return body

    def _trigger(self, said: Said) -> str:
        waited = (said.at - said.end) * 1000 // SAMPLE_RATE
        # The end of speech is told a little behind its last sound.
        if said.reason == "silence" and waited >= self._thresholds.timeout_ms - 150:
            return "timeout"
        return _TRIGGERS.get(said.reason or "", "model")

    def _failed(self, code: str, text: str, *, fatal: bool = True) -> Message:
        described = {"code": code.upper(), "description": text}
        return self._message("Error" if fatal else "Warning", **described)

    def _message(self, kind: str, **body: object) -> Message:
        number, self._messages = self._messages, self._messages + 1
        about: Body = {"type": kind, "request_id": self._request_id, "sequence_id": number}
        return json.dumps(about | body, ensure_ascii=False)


PROTOCOL = Protocol(
    "flux",
    FluxCodec,
    path="/v2/listen",
    subprotocol=subprotocol,
    denial=denial,
)
