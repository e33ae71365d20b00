"""The options of a call in the native protocol, with the names of the wire."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias, TypedDict

from callscribe.errors import SettingsError

EventName: TypeAlias = Literal[
    "speech_started",
    "speech_ended",
    "turn_started",
    "turn_eager_end",
    "turn_resumed",
    "turn_ended",
    "turn_overlap",
    "slot",
    "gap",
    "dtmf",
    "line",
    "keyword",
    "lag",
    "audio_ack",
]
"""What a client may ask for beyond transcripts."""

Endpointing: TypeAlias = Literal["silence", "turn", "bot", "dictation", "captions"]
"""What ends an utterance."""

Redacted: TypeAlias = Literal["numbers", "pci", "phone", "ssn", "iban", "email", "dob"]
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
    languages: tuple[str, ...] | None = None
    """Those that one is detected among; none: all that the recogniser knows."""
    context: str | None = None
    """Free text about the call's subject that biases the recogniser."""
    keywords: tuple[str, ...] | None = None
    """Words to expect; the event `keyword` tells when one is said."""
    keyword_distance: int | None = None
    """Most wrong characters in a word of four or more that counts as a keyword's, 0 to 2."""
    vad_threshold: float | None = None
    silence_threshold: float | None = None
    endpointing: Endpointing | None = None
    """Whether silence alone ends an utterance, or what was said before it counts, too; a purpose
    sets the silences that fit it, where they are not given."""
    min_turn_silence: float | None = None
    """Silence behind a finished sentence that ends a turn."""
    max_turn_silence: float | None = None
    """Most silence within a turn."""
    eager_threshold: float | None = None
    """Confidence from which `turn_eager_end` tells that a turn is likely over."""
    expect: str | None = None
    """What is to be answered: digits 10, alphanumeric 6, yes_no, one_of red|green; "" ends it."""
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
    diarize: bool | None = None
    """Whether speakers of one channel are told apart."""
    interim_results: bool | None = None
    """Whether partials are sent."""
    numbers: Literal["engine", "spoken", "digits", "grouped"] | None = None
    """How numbers are written: as the recogniser does, in words, in figures."""
    redact: tuple[Redacted, ...] | None = None
    """What is hidden in texts."""
    redact_form: Literal["entity", "last4"] | None = None
    """What stands in its place: what it is, or also its last four digits."""
    record: bool | None = None
    """Whether the server keeps the audio."""
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
    languages: tuple[str, ...]
    context: str
    keywords: tuple[str, ...]
    keyword_distance: int
    vad_threshold: float
    silence_threshold: float
    endpointing: Endpointing
    min_turn_silence: float | None
    max_turn_silence: float | None
    eager_threshold: float
    expect: str
    min_speech_duration: float
    max_utterance: float
    denoise: bool
    """Only in a call that was opened with it."""
    words: bool
    interim_results: bool
    numbers: Literal["engine", "spoken", "digits", "grouped"]
    redact: tuple[Redacted, ...]
    redact_form: Literal["entity", "last4"]
    record: bool
    """Only in a call that was opened with it."""
