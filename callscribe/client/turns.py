"""The messages about turns: what a speaker says before another may answer."""

from dataclasses import dataclass

from callscribe.client.base_event import BaseEvent


@dataclass(frozen=True, kw_only=True, slots=True)
class _Turn(BaseEvent):
    turn: int
    """The number of its first utterance."""
    step: int
    """Counts the events of the turn, from 1."""
    utterance: int
    start: float
    end: float
    at: float
    text: str
    """What was said in the turn, as known so far."""
    language: str | None = None
    confidence: float = 0.0
    """That the turn is over, 0 to 1."""
    voiced: float | None = None
    """Seconds of speech in it so far."""
    backchannel: bool = False
    """Whether all of it is a listener's sign, such as "mm-hm"."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnStarted(_Turn):
    """A speaker has said the first words of a turn, which begins at `start`."""

    kind = "turn_started"


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnEagerEnd(_Turn):
    """A turn is likely over: an answer may be prepared, until `TurnResumed` takes this back."""

    kind = "turn_eager_end"
    evidence: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnResumed(_Turn):
    """A turn whose end was announced goes on, or has another text."""

    kind = "turn_resumed"


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnEnded(_Turn):
    """A turn is over, with its definitive text; `reason` as in `SpeechEnded`."""

    kind = "turn_ended"
    evidence: str
    reason: str
    word_confidence: float | None = None
    """The mean of its words', where they have one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnOverlap(BaseEvent):
    """`turn` came into a turn of the other channel; both were heard from `start` to `end`.

    `interrupted`: the other stopped for it. Comes once both have ended.
    """

    kind = "turn_overlap"
    turn: int
    other_channel: int
    other_turn: int
    start: float
    end: float
    at: float
    backchannel: bool
    interrupted: bool
