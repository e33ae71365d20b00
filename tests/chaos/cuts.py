"""The same judgement for calls whose words decide where an utterance ends.

When the words come is up to the machine, and so may be whether a pause ends an utterance or lies
within one. All speech is there nevertheless, once and in order: utterances of the truth and of the
call that overlap each other have the same beginning and the same end together, and those of a call
follow each other with no more than a pause between them. One that both have has the same text.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from tests.chaos.judge import ROUNDING, Spoken, Verdict, check_order, compare

_LONGEST_PAUSE = 2.0
"""Seconds between two utterances that may also be one: twice the ordinary silence, and a bit."""


def judge_cuts(truth: Sequence[Spoken], heard: Sequence[Spoken], *, texts: bool = True) -> Verdict:
    """Compare what a call was told, in the order it was told, with the truth; see `judge`."""
    verdict = Verdict(words=sum(len(spoken.words) for spoken in truth))
    seen: dict[tuple[int, int], Spoken] = {}
    for spoken in filter(_has_audio, heard):
        if spoken.key not in seen:
            seen[spoken.key] = spoken
        else:
            verdict.doubled += len(spoken.words)
            verdict.note(f"told twice: {spoken}")
    check_order(heard, verdict)
    for said, told in _stretches(filter(_has_audio, truth), seen.values()):
        _judge_stretch(said, told, verdict, texts=texts)
    return verdict


def _has_audio(spoken: Spoken) -> bool:
    """Tell it from the answer to a client that ended its call when nothing was open any more."""
    return spoken.end > spoken.start


def _stretches(
    truth: Iterable[Spoken], heard: Iterable[Spoken]
) -> list[tuple[list[Spoken], list[Spoken]]]:
    """Return what overlaps each other, of the truth and of a call, per channel and in order."""
    every = [(each, False) for each in truth] + [(each, True) for each in heard]
    every.sort(key=lambda each: (each[0].channel, each[0].start, each[0].end))
    stretches: list[tuple[list[Spoken], list[Spoken]]] = []
    channel, end = -1, 0.0
    for spoken, told in every:
        if spoken.channel != channel or (spoken.start > end - ROUNDING and spoken.end > end):
            stretches.append(([], []))
            channel, end = spoken.channel, spoken.end
        stretches[-1][told].append(spoken)
        end = max(end, spoken.end)
    return stretches


def _judge_stretch(
    truth: Sequence[Spoken], heard: Sequence[Spoken], verdict: Verdict, *, texts: bool
) -> None:
    if not heard:
        verdict.lost += sum(len(each.words) for each in truth)
        verdict.note(f"missing: {truth}")
    elif not truth:
        verdict.doubled += sum(len(each.words) for each in heard)
        verdict.note(f"not in the truth: {heard}")
    elif [*map(_place, truth)] == [*map(_place, heard)]:
        for one, other in zip(truth, heard, strict=True):
            compare(one, other, verdict, texts=texts)
    elif not _covers(truth, heard):
        verdict.changed += sum(len(each.words) for each in truth)
        verdict.note(f"{heard} is not all of {truth}")


def _place(spoken: Spoken) -> tuple[int, int]:
    return round(spoken.start * 1000), round(spoken.end * 1000)


def _covers(truth: Sequence[Spoken], heard: Sequence[Spoken]) -> bool:
    """Tell whether both are the same speech, cut at other pauses."""
    (begin, _), (start, _) = _place(truth[0]), _place(heard[0])
    ends = [max(_place(each)[1] for each in some) for some in (truth, heard)]
    between = [(b.start - a.end) for a, b in pairwise(heard)]
    orderly = all(-ROUNDING <= gap <= _LONGEST_PAUSE for gap in between)
    return begin == start and ends[0] == ends[1] and orderly
