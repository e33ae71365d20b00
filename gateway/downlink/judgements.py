"""Whether silence ended an utterance too soon, by what was said next. Pure.

Both legs of a call are on one clock, so the truth comes seconds later: the same speaker goes on
while nobody else has spoken.
"""

from collections import deque
from collections.abc import Iterable
from typing import Literal, NamedTuple, Protocol, TypeAlias

from common.audio import SAMPLE_RATE
from common.pipeline.speech import LEAD
from gateway.protocols.events import Final

Judgement: TypeAlias = Literal["cut", "over"]

GOES_ON_WITHIN = 2 * SAMPLE_RATE
"""Samples from the end of speech within which its speaker goes on if it was cut."""
_KEPT = 64
"""Finals of all channels; between two of one there are fewer."""


class Spoken(Protocol):
    """An utterance, [start, end) in samples."""

    @property
    def start(self) -> int:
        """Where it begins."""

    @property
    def end(self) -> int:
        """Where it ends."""


class Judged(NamedTuple):
    """An utterance that silence ended, and what became of it."""

    final: Final
    judgement: Judgement


class Judgements:
    """Judges the utterances of a call that silence ended.

    One is judged once its speaker has said two more, or the call is over. By then the finals of
    other channels from between are there, though channels are in no order.
    """

    def __init__(self) -> None:
        self._said: dict[int, list[Final]] = {}
        """The finals of each channel that are not judged yet: at most two."""
        self._all: deque[Final] = deque(maxlen=_KEPT)

    def note(self, final: Final) -> list[Judged]:
        """Take note of a final; return what is known now of an earlier one."""
        if not final.text:
            return []
        self._all.append(final)
        said = self._said.setdefault(final.channel, [])
        said.append(final)
        return self._judged(said.pop(0), said[0]) if len(said) > 2 else []

    def close(self) -> list[Judged]:
        """Return what the end of the call tells of the last ones."""
        found: list[Judged] = []
        for said in self._said.values():
            for ended, then in zip(said, [*said[1:], None], strict=True):
                found += self._judged(ended, then)
        self._said.clear()
        return found

    def _judged(self, ended: Final, then: Final | None) -> list[Judged]:
        if ended.reason != "silence":
            return []
        others = (each for each in self._all if each.channel != ended.channel)
        went_on = then is not None and goes_on(ended, then, others)
        return [Judged(ended, "cut" if went_on else "over")]


def goes_on(ended: Spoken, then: Spoken, others: Iterable[Spoken]) -> bool:
    """Tell whether who `ended` was still in a turn, and `then` went on: soon, and before others."""
    if then.start + LEAD - ended.end > GOES_ON_WITHIN:
        return False
    return not any(each.start < then.start and each.end > ended.end for each in others)
