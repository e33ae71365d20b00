"""Where in an utterance which speaker speaks."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple


class Stretch(NamedTuple):
    """The samples [start, end) of an utterance, and which of the leg's speakers speaks there."""

    start: int
    end: int
    speaker: int


def main_speaker(stretches: Sequence[Stretch]) -> int | None:
    """Return who speaks longest, the first one of several; None where nobody is known."""
    lengths: dict[int, int] = {}
    for start, end, speaker in stretches:
        lengths[speaker] = lengths.get(speaker, 0) + end - start
    return max(lengths, key=lambda each: lengths[each], default=None)


def speaker_at(stretches: Sequence[Stretch], start: int, end: int) -> int | None:
    """Return who says a word in [start, end): who speaks nearest to its middle; None if nobody.

    Stretches are in their order, and do not overlap.
    """
    middle = (start + end) // 2
    behind = bisect_left(stretches, middle, key=lambda each: each.start)

    def away(each: Stretch) -> int:
        return max(each.start - middle, middle - each.end, 0)

    nearest = min(stretches[max(0, behind - 1) : behind + 1], key=away, default=None)
    return None if nearest is None else nearest.speaker


def of_speaker(speaker: int | None) -> dict[str, int]:
    """Return the field `speaker` of a message; nothing where nobody is known."""
    return {} if speaker is None else {"speaker": speaker}
