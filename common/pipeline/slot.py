"""What of an expected answer was said, as it stands beside an utterance's text."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from common.pipeline.record import sparse

Mark: TypeAlias = Literal["", "corrects", "restarts"]


@dataclass(frozen=True, slots=True)
class Heard:
    """A group of characters, or one word of an answer, in the order of speech.

    `sure`: the probability of each character, 0..1; None where the recogniser does not tell it.
    With a `mark` there is no text: what follows `corrects` what is before it, or the answer
    `restarts`.
    """

    text: str
    sure: tuple[float, ...] | None = sparse(None)
    mark: Mark = sparse("")


@dataclass(frozen=True, slots=True)
class Slot:
    """What an utterance has of an answer; `expected` is the option in force where it began.

    `behind`: words that follow the last of it.
    Answers are put together over utterances where results are read, see `gateway.answers`.
    """

    expected: str
    heard: tuple[Heard, ...]
    behind: int = sparse(0)
