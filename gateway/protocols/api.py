"""What every front translates to and from: the commands and events of one session.

A front is a pure codec. A client's message becomes commands, a session's event becomes messages;
it does no I/O, reads no clock and keeps only what its protocol needs to tell messages apart.
Positions are counts of 16 kHz samples since the session began; a channel is the leg's index.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from common.errors import PeerMisbehaved
from common.options import SessionOptions
from common.pipeline.text import EndReason

Encoding: TypeAlias = Literal["float32", "pcm16", "mulaw", "alaw"]

ENCODINGS: tuple[Encoding, ...] = ("float32", "pcm16", "mulaw", "alaw")
MIN_SAMPLE_RATE = 4_000
MAX_SAMPLE_RATE = 192_000
MAX_CHANNELS = 2

SPEECH_EVENTS = ("speech_started", "speech_ended", "gap")
ACK = "audio_ack"
LAG = "lag"
EVENTS = (*SPEECH_EVENTS, ACK, LAG)
"""What a session says only to a client that has asked for it. One that takes `ACK` keeps what is
not acknowledged, and so can come back."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """How the client's bytes are to be read; multi-byte samples are little-endian.

    `sample_rate` is in Hz, `MIN_SAMPLE_RATE` to `MAX_SAMPLE_RATE`; channels are interleaved.
    """

    encoding: Encoding = "float32"
    sample_rate: int = 16_000
    channels: int = 1


# --- commands: what a client's message asks of the session -------------------------------------


@dataclass(frozen=True, slots=True)
class Open:
    """Begin the session; always the first command and never repeated.

    `events` are those of `EVENTS` that the client wants.
    """

    options: SessionOptions
    audio: AudioFormat
    events: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Resume:
    """Come back to a session instead of beginning one; `seq` is the last that the client has.

    `attempt` rises with each attempt of the client to come back; 0 where it does not number them.
    """

    token: str
    seq: int
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Audio:
    """Bytes as the client sent them, in the format of `Open`; samples may be split anywhere."""

    data: bytes


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


Command: TypeAlias = Open | Resume | Audio | Configure | Flush | Finish


# --- events: what the session tells its client -------------------------------------------------


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a final; `start` and `end` are positions, `probability` is 0..1."""

    text: str
    start: int
    end: int
    probability: float


@dataclass(frozen=True, slots=True)
class Created:
    """The session exists; `resume_token` lets the client come back to it."""

    session_id: str
    resume_token: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """The session goes on: with the audio from frame `position` of the client on, and its controls
    after the first `controls`. `seq` is the last that the session has. `ended`: nothing is taken
    any more, what is left to come are results.
    """

    session_id: str
    resume_token: str
    position: int
    seq: int
    controls: int
    ended: bool = False


@dataclass(frozen=True, slots=True)
class AudioAck:
    """Frames of the client before `position` will not be asked for again."""

    position: int


@dataclass(frozen=True, slots=True)
class Lag:
    """Recognition is so many seconds of audio behind what was accepted of this channel."""

    channel: int
    seconds: float


@dataclass(frozen=True, slots=True)
class GoingAway:
    """This gateway ends; the session waits so many seconds for its client at another."""

    resume_within: float


@dataclass(frozen=True, slots=True)
class Partial:
    """The open utterance's text so far; its first `stable` characters will not change."""

    channel: int
    utterance: int
    start: int
    end: int
    text: str
    stable: int
    language: str | None


@dataclass(frozen=True, slots=True)
class Final:
    """An utterance's definitive text; `seq` numbers the finals of the session from 1.

    `at` is the position at which its end was decided. `failed` marks an utterance that could not
    be recognised, and `trouble` says why; its text is then empty. Where `words` is None they may
    come later (`words_pending`), or `words_unavailable` says why they will not.
    """

    channel: int
    utterance: int
    seq: int
    start: int
    end: int
    at: int
    text: str
    language: str | None
    words: tuple[Word, ...] | None
    reason: EndReason
    failed: bool = False
    trouble: str = ""
    words_pending: bool = False
    words_unavailable: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a final that was sent with `words_pending`; comes once per such final.

    `words` is None where there are none after all, and `unavailable` says why. `seq` goes on from
    the finals'.
    """

    channel: int
    utterance: int
    seq: int
    start: int
    end: int
    words: tuple[Word, ...] | None
    unavailable: str = ""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech from `start` on, decided at `at`."""

    channel: int
    utterance: int
    start: int
    at: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The endpoint of an utterance, decided at `at`."""

    channel: int
    utterance: int
    start: int
    end: int
    at: int
    reason: EndReason


@dataclass(frozen=True, slots=True)
class Gap:
    """Audio from `start` to `end` never arrived and was not recognised."""

    channel: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Failed:
    """Something went wrong; a fatal failure is the session's last message.

    `retry_after`: seconds after which a refused client may try again.
    """

    code: str
    message: str
    fatal: bool
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """The session is over and everything was sent."""


Event: TypeAlias = (
    Created
    | Resumed
    | Partial
    | Final
    | Words
    | SpeechStarted
    | SpeechEnded
    | Gap
    | AudioAck
    | Lag
    | GoingAway
    | Failed
    | Ended
)


class ClientError(PeerMisbehaved):
    """The client broke its protocol; the message names the field and what is allowed.

    `code` is a stable label for programs. A fatal error ends the connection with the WebSocket
    close code `close_code` (RFC 6455, 7.4.1); otherwise `close_code` is None and the call goes on
    as if the offending message had not been sent.
    """

    def __init__(self, code: str, message: str, *, close_code: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.close_code = close_code

    @property
    def fatal(self) -> bool:
        """Whether the connection must be closed."""
        return self.close_code is not None

    @property
    def event(self) -> Failed:
        """The event that tells the client, for `Front.render`."""
        return Failed(self.code, self.message, self.fatal)


class Front(Protocol):
    """One connection's codec; synchronous, and not to be shared by two connections.

    Both `receive` methods raise `ClientError` and nothing else, whatever the client sends; a
    message that raises has changed nothing of the session.
    """

    path: str
    """Request path that this front answers."""

    @property
    def verbatim(self) -> bool:
        """Whether a binary message is audio as it stands: it need not be translated then."""
        ...

    def receive_text(self, message: str) -> Sequence[Command]:
        """Translate one text message."""
        ...

    def receive_binary(self, data: bytes) -> Sequence[Command]:
        """Translate one binary message."""
        ...

    def restore(
        self, options: SessionOptions, audio: AudioFormat, events: frozenset[str], *, ended: bool
    ) -> None:
        """Go on as the codec of a session that was opened so; `ended`: it was finished, too.

        Raises ClientError, which is fatal to the connection and not to the session, where the
        client has said beside `Resume` what is not so.
        """
        ...

    def render(self, event: Event, now: float) -> Sequence[str | bytes]:
        """Translate one event into messages, none where the protocol has no word for it.

        `now` is wall-clock time in seconds since the Unix epoch.
        """
        ...
