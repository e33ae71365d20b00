"""What a client's message asks of its call: the commands that every protocol translates to.

Positions are counts of 16 kHz samples since the call began.

`Skip`, `Flush`, `Reformat` and `Finish` are boundaries: the audio before one and the audio after it
are whole frames each. A part of a frame before a boundary is not used, and the client is told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from common.options import SessionOptions

Encoding: TypeAlias = Literal["float32", "pcm16", "mulaw", "alaw"]

ENCODINGS: tuple[Encoding, ...] = ("float32", "pcm16", "mulaw", "alaw")
Coding: TypeAlias = Literal[
    "webm", "ogg", "opus", "flac", "mp3", "aac", "mp4", "amr-nb", "amr-wb", "g729", "any"
]

CODINGS: tuple[Coding, ...] = ("webm", "ogg", "opus", "flac", "mp3", "aac", "mp4")
"""What live audio may be compressed as, in the native protocol. ``opus``: in Ogg, or one packet a
message."""
SAMPLE_BYTES: Mapping[Encoding, int] = {"float32": 4, "pcm16": 2, "mulaw": 1, "alaw": 1}
MIN_SAMPLE_RATE = 4_000
MAX_SAMPLE_RATE = 192_000
MAX_CHANNELS = 2

SPEECH_EVENTS = ("speech_started", "speech_ended", "gap", "dtmf", "line")
TURN_EVENTS = ("turn_started", "turn_eager_end", "turn_resumed", "turn_ended", "turn_overlap")
SLOT = "slot"
KEYWORD = "keyword"
ACK = "audio_ack"
LAG = "lag"
EVENTS = (*SPEECH_EVENTS, *TURN_EVENTS, SLOT, KEYWORD, ACK, LAG)
"""Events that a session sends only to a client that asks for them. A client that asks for `ACK`
keeps what is not acknowledged, and so can resume."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """How the client's bytes are to be read; multi-byte samples are little-endian.

    `sample_rate` is in Hz, `MIN_SAMPLE_RATE` to `MAX_SAMPLE_RATE`; channels are interleaved.
    """

    encoding: Encoding = "float32"
    sample_rate: int = 16_000
    channels: int = 1

    @property
    def frame_bytes(self) -> int:
        """Bytes of a frame: one sample of each channel."""
        return SAMPLE_BYTES[self.encoding] * self.channels


def decoded(channels: int) -> AudioFormat:
    """Return the format that compressed audio has once it is decoded."""
    return AudioFormat("pcm16", 16_000, channels)


LONGEST_NAME = 128
"""Characters of a label, of a conversation's name, and of a call's."""


LONGEST_URL = 2000
"""Characters of a webhook's URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a client says of its call. Nothing is recognised differently for it.

    `labels` names the channels, all or none of them. Calls with one `conversation` belong together,
    such as two legs on sockets of their own. `name` is what the client's system calls the call.
    """

    labels: tuple[str, ...] = ()
    conversation: str = ""
    name: str = ""
    webhook: str = ""
    """The URL that gets its finals; empty for the deployment's."""


@dataclass(frozen=True, slots=True)
class Open:
    """Begin the call; the first command except `Say`, and never repeated.

    `events` are those of `EVENTS` that the client wants. `credential`: the key or token that came
    in the message, where the protocol has no other place. `coding`: what the audio is compressed
    as, ``any`` for what its first bytes say; it is decoded to `audio`, as `decoded`
    says, and such a call cannot be resumed.
    """

    options: SessionOptions
    audio: AudioFormat
    events: frozenset[str] = frozenset()
    about: About = About()
    credential: str = field(default="", repr=False)
    coding: Coding | None = None


@dataclass(frozen=True, slots=True)
class Resume:
    """Resume a session instead of beginning one; `seq` is the last that the client has.

    `attempt` rises with each attempt of the client to resume; 0 if it does not number them.
    """

    token: str
    seq: int
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Audio:
    """Bytes as the client sent them, in the format of `Open`; samples may be split anywhere."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Skip:
    """The next `frames` frames of the client, of all channels, will never come."""

    frames: int


@dataclass(frozen=True, slots=True)
class Reformat:
    """From here on the client's audio has this sample rate and encoding; its channels stay."""

    audio: AudioFormat


@dataclass(frozen=True, slots=True)
class Digit:
    """A DTMF digit, ``0-9A-D*#``, was signalled on a channel after the audio received so far."""

    channel: int
    digit: str


@dataclass(frozen=True, slots=True)
class Configure:
    """Replace the options from the audio received so far onwards."""

    options: SessionOptions


@dataclass(frozen=True, slots=True)
class Flush:
    """End the open utterance of every leg at the audio received so far, and keep going."""


@dataclass(frozen=True, slots=True)
class Finish:
    """End the open utterances, answer with their finals, then end the session."""


@dataclass(frozen=True, slots=True)
class Say:
    """Send these messages to the client: a greeting, or a protocol's answer to each message."""

    messages: Sequence[str | bytes]


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something of the client's was not understood and left out; what follows it counts.

    It is for bytes that have several messages; elsewhere a codec raises `ClientError`.
    """

    code: str
    message: str


Boundary: TypeAlias = Skip | Reformat | Flush | Finish
OfCall: TypeAlias = Audio | Digit | Configure | Boundary
Command: TypeAlias = Say | Open | Resume | OfCall | Mistake
