"""What a call tells its client: the events that every protocol translates from.

Positions are counts of 16 kHz samples since the call began; a channel is the leg's index.
"""

from dataclasses import dataclass
from typing import TypeAlias

from common.pipeline.text import EndReason


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a final; `start` and `end` are positions, `probability` is 0..1."""

    text: str
    start: int
    end: int
    probability: float


@dataclass(frozen=True, slots=True)
class Created:
    """The session exists; `resume_token` lets the client resume it."""

    session_id: str
    resume_token: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """The session goes on from the client's frame `position` and after its first `controls`
    controls. `seq` is the last that the session has. `ended`: nothing more is accepted, only
    results are left to come.
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
    """Recognition is `seconds` of audio behind what was accepted of this channel."""

    channel: int
    seconds: float


@dataclass(frozen=True, slots=True)
class GoingAway:
    """This gateway ends; the client can resume elsewhere within `resume_within` seconds."""

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

    `words` is None if there are none after all, and `unavailable` says why. `seq` continues the
    finals' numbers.
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
