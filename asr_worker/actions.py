"""What an utterance's scheduler wants done."""

from dataclasses import dataclass
from enum import Enum, auto

from asr_worker.api import Hypothesis, Priority
from asr_worker.clauses import Clause
from common.pipeline.text import EndReason


class Kind(Enum):
    """The purpose of a decode."""

    PARTIAL = auto()
    CLAUSE = auto()
    TENTATIVE = auto()
    FINAL = auto()


@dataclass(frozen=True, slots=True)
class Decode:
    """Decode the samples of `clause`; answer with `decoded(token, …)` or `failed(token)`.

    `previous` is the last hypothesis of audio with the same start. `language` is that of the
    clauses before, None if not known.
    """

    token: int
    clause: Clause
    priority: Priority
    kind: Kind
    previous: Hypothesis | None
    language: str | None = None

    @property
    def start(self) -> int:
        """Its first sample."""
        return self.clause.start

    @property
    def end(self) -> int:
        """Position after its last sample."""
        return self.clause.end


@dataclass(frozen=True, slots=True)
class Cancel:
    """Abandon the decode `token`; its answer, if it still comes, is ignored."""

    token: int


@dataclass(frozen=True, slots=True)
class Prioritise:
    """Make the decode `token`, which is in flight, as urgent as this."""

    token: int
    priority: Priority


@dataclass(frozen=True, slots=True)
class PublishPartial:
    """Show `text`; its first `stable` characters will not change before the final.

    It covers the samples up to `end`. `paused`: these are all that were said before a pause; `mark`
    is then that of the hypothesis.
    """

    text: str
    stable: int
    language: str | None
    end: int
    paused: bool = False
    mark: float | None = None


@dataclass(frozen=True, slots=True)
class PublishFinal:
    """Publish the final of the utterance [start, end).

    With `failed`, `hypothesis` is an earlier one, of less audio; it may be empty. Otherwise `token`
    is the decode that gave the last of it, None where there was nothing to decode.
    """

    start: int
    end: int
    reason: EndReason
    hypothesis: Hypothesis
    failed: bool
    token: int | None = None


Action = Decode | Cancel | Prioritise | PublishPartial | PublishFinal
