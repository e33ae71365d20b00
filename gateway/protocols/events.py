"""What a call tells its client: the events that every protocol translates from.

Positions are counts of 16 kHz samples since the call began; a channel is the leg's index.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Self, TypeAlias

from common.audio import seconds
from common.pipeline import text
from common.pipeline.speech import Problem
from common.pipeline.text import EndReason, TimedWord
from gateway.protocols.stretches import Stretch

_OF_AN_ITEM = tuple(each.name for each in fields(text.Final))


@dataclass(frozen=True, slots=True)
class Created:
    """The session exists; `resume_token` lets the client resume it; empty where none can."""

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
class Heard:
    """Compressed audio was decoded up to `position`: its bytes do not tell."""

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
class Timing:
    """Seconds since the last speech of an utterance had been received, by the gateway's clock.

    `endpoint`: until the audio was received that decided its end; `final`: until now.
    """

    endpoint: float
    final: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Final(text.Final):
    """A final of the text with its place in the session; `seq` numbers those that are `shown`.

    The `seq` of any other is that of the final before it. Where `words` is None they may come
    later (`words_pending`), or `unavailable` says why they will not. `timing` is None where audio
    came faster than it was spoken, or at another gateway. `committed`: when it entered the text.
    `speakers`: who speaks where, nothing where that is not known; its `voices` are left out.
    """

    channel: int
    utterance: int
    seq: int
    words_pending: bool = False
    timing: Timing | None = None
    committed: float | None = None
    speakers: Sequence[Stretch] = ()

    @classmethod
    def of(cls, item: text.Final, **more: Any) -> Self:
        """Return the final that an item of the text is, with `more` of it, or other than there."""
        return cls(**{name: getattr(item, name) for name in _OF_AN_ITEM} | more)

    @property
    def failure(self) -> str:
        """What to tell of it to a client's developer if it `failed`."""
        text = f"speech from {seconds(self.start):.2f} s on could not be recognised"
        return f"{text}: {self.trouble}" if self.trouble else text

    @property
    def timed(self) -> dict[str, dict[str, float]]:
        """The field `timing` of a message, in seconds; nothing where it is not known."""
        if self.timing is None:
            return {}
        endpoint, final = round(self.timing.endpoint, 3), round(self.timing.final, 3)
        return {"timing": {"endpoint": endpoint, "final": final}}


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
    words: tuple[TimedWord, ...] | None
    unavailable: str = ""
    speakers: Sequence[Stretch] = ()


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


TurnKind: TypeAlias = Literal["started", "eager_end", "resumed", "ended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What became of a turn: what a speaker says before another may answer.

    `turn` is the number of its first utterance, `utterance` of its newest. `step` counts its events
    from 1. `transcript` is that of [start, end), as known `at`. `confidence`: that it is over.
    `evidence` is what the end of its text says, see `gateway.endpointing.tail`; empty where it is
    not looked at, as `reason` is before the turn has ended. `voiced` are its samples of speech as
    far as VAD told them; 0: nothing is known. `backchannel`: all of it so far is a listener's sign.
    `word_confidence` is the mean of its words', once it has ended and where all have one.
    """

    kind: TurnKind
    channel: int
    turn: int
    step: int
    utterance: int
    start: int
    end: int
    at: int
    transcript: str
    language: str | None
    confidence: float = 0.0
    evidence: str = ""
    reason: EndReason | None = None
    voiced: int = 0
    backchannel: bool = False
    word_confidence: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """A turn came into another channel's, and both were heard in [start, end); both have ended.

    `turn` of `channel` came into `other_turn` of `other_channel`. `interrupted`: the other then
    stopped, see `gateway.feed.overlaps`. `at` is where the later end was decided.
    """

    channel: int
    turn: int
    other_channel: int
    other_turn: int
    start: int
    end: int
    at: int
    backchannel: bool
    interrupted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What of an expected answer was said in [start, end); see `common.expectation`.

    `first` is the utterance that it begins with, `utterance` the newest of it. `question` is the
    name that was given to what is asked. `raw` are the texts of its utterances. `valid`,
    `complete`, `sure` and `alternatives` are those of `gateway.answers.answering.Found`. `final`:
    the utterance is over; else it was told in a pause because nothing can come behind it, and the
    final tells it once more.
    """

    channel: int
    utterance: int
    first: int
    start: int
    end: int
    kind: str
    question: str
    value: str
    raw: str
    valid: bool
    complete: bool
    final: bool
    sure: tuple[float, ...] = ()
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SpeakerRevision:
    """Better knowledge of who spoke: all stretches of the utterances that were `changed`.

    `number` counts those of the channel from 1. It comes before the final that it follows from.
    """

    channel: int
    number: int
    changed: Mapping[int, Sequence[Stretch]]


def revised(
    finals: Mapping[tuple[int, int], Final], event: SpeakerRevision
) -> dict[tuple[int, int], Final]:
    """Return the corrected ones of some finals, by channel and utterance."""
    places = {(event.channel, utterance): told for utterance, told in event.changed.items()}
    return {
        place: replace(finals[place], speakers=told)
        for place, told in places.items()
        if place in finals
    }


@dataclass(frozen=True, slots=True)
class Gap:
    """Audio from `start` to `end` never arrived and was not recognised."""

    channel: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Dtmf:
    """A DTMF digit was signalled at `at`."""

    channel: int
    at: int
    digit: str


@dataclass(frozen=True, slots=True)
class LineTrouble:
    """Speech was too quiet or too loud for its line, noticed at `at`; its `level` is in dBFS."""

    channel: int
    at: int
    problem: Problem
    level: float


@dataclass(frozen=True, slots=True)
class Keyword:
    """One of the call's keywords was said; comes once for each time, after what it stands in.

    `keyword` is spelled as in the options, `text` as in the utterance's text, where it begins at
    the character `offset`. `start` and `end` are those of its words, where a final has them, else
    of the utterance so far.
    """

    channel: int
    utterance: int
    keyword: str
    text: str
    offset: int
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
    | Turn
    | Overlap
    | Answer
    | SpeakerRevision
    | Gap
    | Dtmf
    | LineTrouble
    | Keyword
    | AudioAck
    | Heard
    | Lag
    | GoingAway
    | Failed
    | Ended
)
