"""The native protocol's messages as typed values: options to send, events to receive.

Times in events are seconds of audio since the call began, not of the clock. Fields have the
names of the wire.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Literal, Self, TypeAlias, TypedDict

from callscribe.errors import PeerMisbehaved, SettingsError

EventName: TypeAlias = Literal[
    "speech_started", "speech_ended", "gap", "dtmf", "keyword", "lag", "audio_ack"
]
"""What a client may ask for beyond transcripts."""

Redacted: TypeAlias = Literal["numbers", "pci", "phone", "ssn", "iban", "email"]
"""What can be hidden in texts."""

SAMPLE_BYTES: Mapping[str, int] = {"float32": 4, "pcm16": 2, "mulaw": 1, "alaw": 1}
"""By encoding."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """The options of a call; None leaves one to the server's settings.

    Durations in seconds, thresholds as probabilities 0..1, `sample_rate` in Hz. With two
    channels the samples are interleaved, and each channel has its own transcript. The server
    checks the values; an `encoding` whose samples have no known size raises SettingsError here.
    """

    encoding: Literal["float32", "pcm16", "mulaw", "alaw"] = "pcm16"
    sample_rate: int = 16_000
    channels: int = 1
    language: str | None = None
    """A language's English name or ISO code; "auto" detects it."""
    context: str | None = None
    """Free text about the call's subject that biases the recogniser."""
    keywords: tuple[str, ...] | None = None
    """Words to expect; the event `keyword` tells when one is said."""
    keyword_distance: int | None = None
    """Most wrong characters in a word of four or more that counts as a keyword's, 0 to 2."""
    vad_threshold: float | None = None
    silence_threshold: float | None = None
    endpointing: Literal["silence", "turn"] | None = None
    """Whether silence alone ends an utterance, or what was said before it counts, too."""
    min_speech_duration: float | None = None
    max_utterance: float | None = None
    chunk_size_sec: float | None = None
    unfixed_chunk_num: int | None = None
    unfixed_token_num: int | None = None
    denoise: bool | None = None
    post_filter: bool | None = None
    attenuation_limit: float | None = None
    """Most noise reduction in dB."""
    words: bool | None = None
    interim_results: bool | None = None
    """Whether partials are sent."""
    numbers: Literal["engine", "spoken", "digits", "grouped"] | None = None
    """How numbers are written: as the recogniser does, in words, in figures."""
    redact: tuple[Redacted, ...] | None = None
    """What is hidden in texts."""
    channel_labels: tuple[str, ...] | None = None
    """A name for each channel, such as agent and customer."""
    conversation_id: str | None = None
    """Joins calls that belong together."""
    webhook: str | None = None
    """URL that gets the finals, at a host that the server allows."""
    events: tuple[EventName, ...] = ()
    """Events to receive beyond transcripts."""

    def __post_init__(self) -> None:
        if self.encoding not in SAMPLE_BYTES:
            allowed = ", ".join(SAMPLE_BYTES)
            raise SettingsError(f"encoding is {self.encoding!r}; there are {allowed}")

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel."""
        return SAMPLE_BYTES[self.encoding] * self.channels

    def to_wire(self) -> dict[str, Any]:
        """Return the body of the config message."""
        return {name: value for name, value in asdict(self).items() if value is not None}


class Changes(TypedDict, total=False):
    """Options that `Call.configure` may change; as in `Options`."""

    language: str | None
    context: str
    keywords: tuple[str, ...]
    keyword_distance: int
    vad_threshold: float
    silence_threshold: float
    endpointing: Literal["silence", "turn"]
    min_speech_duration: float
    max_utterance: float
    denoise: bool
    """Only in a call that was opened with it."""
    words: bool
    interim_results: bool
    numbers: Literal["engine", "spoken", "digits", "grouped"]
    redact: tuple[Redacted, ...]


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

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Read a message's fields; a missing required field raises PeerMisbehaved."""
        try:
            return cls(**{f.name: wire[f.name] for f in fields(cls) if f.name in wire})
        except TypeError as error:
            raise PeerMisbehaved(f"the server sent an unusable session_created: {error}") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """One word of a final; `start` and `end` in seconds of audio, `probability` 0..1."""

    word: str
    start: float
    end: float
    probability: float


@dataclass(frozen=True, kw_only=True, slots=True)
class _Event:
    kind: ClassVar[str]
    """The message's `type`."""
    channel: int = 0
    label: str | None = None
    """The channel's name, if the call gave it one."""
    timestamp: float | None = None
    """The server's clock when it sent this, in seconds since 1970."""

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Read a message's fields; those added by a newer server are ignored."""
        return cls(**{f.name: wire[f.name] for f in fields(cls) if f.name in wire})


@dataclass(frozen=True, kw_only=True, slots=True)
class Partial(_Event):
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


@dataclass(frozen=True, kw_only=True, slots=True)
class _Timed(_Event):
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
            words = tuple(Word(**{name: word[name] for name in names}) for word in words)
        given = {f.name: wire[f.name] for f in fields(cls) if f.name in wire}
        if (timing := given.get("timing")) is not None:
            given["timing"] = Timing(endpoint=timing["endpoint"], final=timing["final"])
        return cls(**{**given, "words": words})


@dataclass(frozen=True, kw_only=True, slots=True)
class Final(_Timed):
    """An utterance's definitive text; `seq` rises over the finals and words of the call.

    If the call asked for `words`, they are None when they come later as a `Words` event
    (`words_pending`), or not at all (`words_unavailable` says why). `timing` is missing where audio
    came faster than it was spoken. `redacted`: how often something was hidden in the text, by what
    it was.
    """

    kind = "final"
    text: str
    language: str | None = None
    words_pending: bool = False
    timing: Timing | None = None
    redacted: Mapping[str, int] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Words(_Timed):
    """The words of a final with `words_pending`; or `words_unavailable` says why there are none."""

    kind = "words"


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeechStarted(_Event):
    """Speech from `start` on (the pre-roll included), decided once `at` had been heard."""

    kind = "speech_started"
    utterance: int
    start: float
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeechEnded(_Event):
    """The endpoint of an utterance, decided once `at` had been heard."""

    kind = "speech_ended"
    utterance: int
    start: float
    end: float
    at: float
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap(_Event):
    """Audio from `start` to `end` never reached the recogniser."""

    kind = "gap"
    start: float
    end: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Dtmf(_Event):
    """A DTMF digit was signalled at `at`."""

    kind = "dtmf"
    digit: str
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Keyword(_Event):
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
class Error(_Event):
    """An error; the call goes on unless the server closes it right after."""

    kind = "error"
    code: str
    message: str
    retry_after: float | None = None
    """Seconds after which a refused call may be tried again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lag(_Event):
    """The recogniser is `seconds` of audio behind; sent only while that is much."""

    kind = "lag"
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioAck(_Event):
    """The server has stored all audio before frame `position`, at the call's sample rate."""

    kind = "audio_ack"
    position: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Resumed(_Event):
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
    | SpeechStarted
    | SpeechEnded
    | Gap
    | Dtmf
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
    SpeechStarted,
    SpeechEnded,
    Gap,
    Dtmf,
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
