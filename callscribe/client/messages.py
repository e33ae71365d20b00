"""The native protocol's messages as typed values: the events to receive.

Times in events are seconds of audio since the call began, not of the clock. Fields have the
names of the wire.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self, TypeAlias

from callscribe.client.base_event import BaseEvent
from callscribe.client.speakers import SpeakerRevision, Stretch, stretches_of
from callscribe.client.turns import (
    TurnEagerEnd,
    TurnEnded,
    TurnOverlap,
    TurnResumed,
    TurnStarted,
)
from callscribe.errors import PeerMisbehaved


@dataclass(frozen=True, kw_only=True, slots=True)
class Created:
    """The answer to a config that opens or resumes a call; other fields are for a resumed one.

    The server has `position` frames of audio at the call's sample rate. `seq` is that of its newest
    final or words. The first `controls` messages behind the first config took effect.
    """

    session_id: str
    resume_token: str
    resumed: bool = False
    position: int = 0
    seq: int = 0
    controls: int = 0
    ended: bool = False
    """Whether the call accepts no more audio; only results follow."""
    options: Mapping[str, float] | None = None
    """What a preset of `endpointing` has set, by option."""

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Read a message's fields; a missing required field raises PeerMisbehaved."""
        try:
            return cls(**{f.name: wire[f.name] for f in fields(cls) if f.name in wire})
        except TypeError as error:
            raise PeerMisbehaved(f"the server sent an unusable session_created: {error}") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """One word of a final; `start` and `end` in seconds of audio, `probability` 0..1.

    It is that of the protocol's message, as all here: no service's own shape.
    """

    word: str
    start: float
    end: float
    probability: float
    speaker: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Partial(BaseEvent):
    """The open utterance's text so far; its first `stable` characters will not change."""

    kind = "partial"
    utterance: int
    start: float
    end: float
    text: str
    stable: int = 0
    language: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """Seconds since the server had the last speech of an utterance.

    `endpoint`: until it had the audio that decided the end; `final`: until it sent the final.
    """

    endpoint: float
    final: float


@dataclass(frozen=True, slots=True)
class Redaction:
    """What was hidden, such as `credit_card`, and where it is spoken, in s of audio.

    Where words have no times it is the whole utterance.
    """

    entity: str
    start: float
    end: float


@dataclass(frozen=True, kw_only=True, slots=True)
class _Timed(BaseEvent):
    utterance: int
    seq: int
    start: float
    end: float
    words: tuple[Word, ...] | None = None
    words_unavailable: str | None = None

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Read a message's fields, its words and timing among them."""
        words = wire.get("words")
        if words is not None:
            names = [field.name for field in fields(Word)]
            words = tuple(
                Word(**{name: word[name] for name in names if name in word}) for word in words
            )
        given = {f.name: wire[f.name] for f in fields(cls) if f.name in wire}
        if (redacted := given.get("redacted")) is not None:
            given["redacted"] = tuple(
                Redaction(each["entity"], each["start"], each["end"]) for each in redacted
            )
        if (speakers := given.get("speakers")) is not None:
            given["speakers"] = stretches_of(speakers)
        if (timing := given.get("timing")) is not None:
            given["timing"] = Timing(endpoint=timing["endpoint"], final=timing["final"])
        return cls(**{**given, "words": words})


@dataclass(frozen=True, kw_only=True, slots=True)
class Final(_Timed):
    """An utterance's definitive text; `seq` rises over the finals and words of the call.

    If the call asked for `words`, they are None when they come later as a `Words` event
    (`words_pending`), or not at all (`words_unavailable` says why). `timing` is missing where audio
    came faster than it was spoken. `language_confidence`, 0..1, is missing where the language was
    told. `redacted`: what was hidden in the text, and where it is spoken. `speaker` says the most
    of it, and `speakers` tell who speaks where; both are missing where nobody is known.
    """

    kind = "final"
    text: str
    language: str | None = None
    language_confidence: float | None = None
    words_pending: bool = False
    timing: Timing | None = None
    redacted: tuple[Redaction, ...] = ()
    speaker: int | None = None
    speakers: tuple[Stretch, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Words(_Timed):
    """The words of a final with `words_pending`; or `words_unavailable` says why there are none."""

    kind = "words"


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeechStarted(BaseEvent):
    """Speech from `start` on (the pre-roll included), decided once `at` had been heard."""

    kind = "speech_started"
    utterance: int
    start: float
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeechEnded(BaseEvent):
    """The endpoint of an utterance, decided once `at` had been heard."""

    kind = "speech_ended"
    utterance: int
    start: float
    end: float
    at: float
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Slot(BaseEvent):
    """What of an expected answer was said so far, in the utterances from `slot` to `utterance`.

    `raw` are their texts, `valid` if it fits. `complete`: nothing can come behind it. Not
    `is_final`: it was told in the first pause in which it was complete.
    """

    kind = "slot"
    utterance: int
    slot: int
    start: float
    end: float
    expected: str
    """The kind of answer that was expected."""
    value: str
    raw: str
    valid: bool
    complete: bool
    is_final: bool
    question: str = ""
    """The name that the option gave to what was asked."""
    confidence: tuple[float, ...] = ()
    """The probability of each character; none where it is not known."""
    alternatives: tuple[str, ...] = ()
    """Other values that would be valid."""

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Read a message's fields; lists become tuples."""
        lists = {name: tuple(wire.get(name, ())) for name in ("confidence", "alternatives")}
        return super(Slot, cls).from_wire({**wire, **lists})


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap(BaseEvent):
    """Audio from `start` to `end` never reached the recogniser."""

    kind = "gap"
    start: float
    end: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Dtmf(BaseEvent):
    """A DTMF digit was signalled at `at`."""

    kind = "dtmf"
    digit: str
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class LineTrouble(BaseEvent):
    """Speech was too quiet for its line ("low_level") or too loud ("clipping"), noticed at `at`.

    `level` is that of the speech, in dB below full scale.
    """

    kind = "line"
    problem: str
    at: float
    level: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Keyword(BaseEvent):
    """A keyword was said: once for each time, after the partial or final that it stands in.

    `text` is how the transcript spells it, from the character `offset` of the utterance's text on.
    `start` and `end` are its words' where the final has them, else those of the utterance so far.
    """

    kind = "keyword"
    utterance: int
    keyword: str
    text: str
    offset: int
    start: float
    end: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Error(BaseEvent):
    """An error; the call goes on unless the server closes it right after."""

    kind = "error"
    code: str
    message: str
    retry_after: float | None = None
    """Seconds after which a refused call may be tried again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lag(BaseEvent):
    """The recogniser is `seconds` of audio behind; sent only while that is much."""

    kind = "lag"
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioAck(BaseEvent):
    """The server has stored all audio before frame `position`, at the call's sample rate."""

    kind = "audio_ack"
    position: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Resumed(BaseEvent):
    """The connection broke and the call goes on; made by the client, not sent by the server.

    `after_s`: seconds of the clock without a connection. `position`: seconds of audio that
    the server had; the audio behind it was sent again.
    """

    kind = "resumed"
    after_s: float
    position: float


Event: TypeAlias = (
    Partial
    | Final
    | Words
    | SpeakerRevision
    | SpeechStarted
    | SpeechEnded
    | TurnStarted
    | TurnEagerEnd
    | TurnResumed
    | TurnEnded
    | TurnOverlap
    | Slot
    | Gap
    | Dtmf
    | LineTrouble
    | Keyword
    | Error
    | Lag
    | AudioAck
    | Resumed
)

_SENT = (
    Partial,
    Final,
    Words,
    SpeakerRevision,
    SpeechStarted,
    SpeechEnded,
    TurnStarted,
    TurnEagerEnd,
    TurnResumed,
    TurnEnded,
    TurnOverlap,
    Slot,
    Gap,
    Dtmf,
    LineTrouble,
    Keyword,
    Error,
    Lag,
    AudioAck,
)
_EVENTS: Mapping[str, type[Event]] = {event.kind: event for event in _SENT}


def parse_event(message: str | bytes) -> Event | None:
    """Read one message of the server; None for a type that this client does not know.

    A message that is not an object or lacks a field raises PeerMisbehaved.
    """
    wire = parse_object(message)
    event_type = _EVENTS.get(str(wire.get("type")))
    if event_type is None:
        return None
    try:
        return event_type.from_wire(wire)
    except (TypeError, KeyError) as error:
        raise PeerMisbehaved(f"the server sent an unusable {wire['type']}: {error}") from error


def parse_object(message: str | bytes) -> dict[str, Any]:
    """Read a message of any type; anything but a JSON object raises PeerMisbehaved."""
    try:
        wire = json.loads(message)
    except ValueError as error:
        raise PeerMisbehaved(f"the server sent no JSON: {message[:80]!r}") from error
    if not isinstance(wire, dict):
        raise PeerMisbehaved(f"the server sent no JSON object: {message[:80]!r}")
    return wire
