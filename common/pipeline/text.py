"""What a leg's text holds: its items, final and end, and the words of a final that came later.

Positions count 16 kHz samples. The scripts COMMIT and ATTACH read `shown` and `align` in Redis.
"""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, Self, TypeAlias

from common.pipeline.record import Message, sparse
from common.pipeline.slot import Slot
from common.pipeline.trace import Decoding, Endpoint

ANSWERS_KEPT = 512
"""Answers to flushes with nothing open that stay in a text: more than wait for any reader."""

EndReason: TypeAlias = Literal["silence", "flush", "finish", "length", "gap", "failed"]


class TimedWord(NamedTuple):
    """A word, where it is spoken, and how sure that is, 0..1."""

    text: str
    start: int
    end: int
    probability: float


class Hidden(NamedTuple):
    """What was hidden in a text, and where it is spoken, within some tenths of a second.

    Where words have no times it is the whole utterance.
    """

    entity: str
    start: int
    end: int


VOICE_LENGTH = 256
"""Length of a voice's vector, as of any other."""


class Voice(NamedTuple):
    """What the voice in [start, end) sounds like: int8 [256], of `VOICE_LENGTH` within rounding.

    The cosine of two vectors is about 0 for two people, and rises towards 1 for one. `vector` is in
    Base64, for Redis's own reader of MessagePack knows no bytes. It is biometric, so it is told
    nobody: neither clients nor sinks.
    """

    start: int
    end: int
    vector: str

    @classmethod
    def of(cls, start: int, end: int, vector: bytes) -> Self:
        """Return the voice in [start, end) with this int8 [256]."""
        return cls(start, end, b64encode(vector).decode())

    @property
    def numbers(self) -> bytes:
        """The int8 [256] of its vector. Raises ValueError for text that is no Base64."""
        return b64decode(self.vector, validate=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Final:
    """The text of the utterance [start, end), whose end was decided at `at`.

    `language_confidence`: how sure the language is, 0..1; None where it was not detected.
    `words`: None if there are none, or none yet. `align`: the digest under which they come later;
    `unavailable`: why they do not. `failed`: there is no text, `trouble` says why. `shown`: it
    counts in the numbers that clients get; otherwise it is noise without words. `hidden`: what the
    text has masks for, in their order. `slot`: what of an expected answer it has. `voices`: those
    in it, in their order; None without `diarize`, or where they were not found. `endpoint` and
    `decoding`: when its end was decided and its text was found; the final is the same whenever that
    was.
    """

    t: ClassVar[str] = "final"
    start: int
    end: int
    at: int
    text: str
    language: str | None = None
    language_confidence: float | None = sparse(None)
    words: tuple[TimedWord, ...] | None = None
    align: str | None = None
    unavailable: str = ""
    reason: EndReason
    failed: bool = False
    trouble: str = ""
    shown: bool = True
    hidden: tuple[Hidden, ...] | None = sparse(None)
    slot: Slot | None = sparse(None)
    voices: tuple[Voice, ...] | None = sparse(None)
    endpoint: Endpoint | None = sparse(None, compare=False)
    decoding: Decoding | None = sparse(None, compare=False)

    @classmethod
    def empty(cls, at: int, reason: EndReason, endpoint: Endpoint | None = None) -> Self:
        """Return the answer to a flush with nothing open."""
        return cls(start=at, end=at, at=at, text="", reason=reason, endpoint=endpoint)

    @classmethod
    def lost(cls, at: int, trouble: str) -> Self:
        """Return the failed final of an utterance at `at`; nothing else needs to be known."""
        return cls(start=at, end=at, at=at, text="", reason="failed", failed=True, trouble=trouble)


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The leg's last item: nothing follows."""

    t: ClassVar[str] = "end"
    shown: bool = False


Item: TypeAlias = Final | End


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a final that was published without them; or None, and `trouble` says why."""

    words: tuple[TimedWord, ...] | None
    trouble: str = ""


ITEM: Message[Item] = Message(Final, End)
FINAL = Message(Final)
WORDS = Message(Words)
