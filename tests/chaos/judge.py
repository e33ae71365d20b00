"""What a disturbed call's transcript lacks, has twice, out of order, or otherwise than it was.

The truth is the transcript of the same call when nobody disturbed it. Words are compared within
utterances of the same channel and number, which are to have the same place in the audio too.

Where partials are shown, words that they called stable stay, although the final would have others
around a pause: what was shown before the pause was known goes on over it. Which words these are is
up to the pace. A sample that is lost or doubled changes all words up to the next pause, and moves
the utterances behind it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher


@dataclass(frozen=True, slots=True)
class Spoken:
    """An utterance as a final told it; times in seconds of audio."""

    channel: int
    utterance: int
    start: float
    end: float
    text: str

    @property
    def key(self) -> tuple[int, int]:
        """Which utterance it is."""
        return self.channel, self.utterance

    @property
    def words(self) -> list[str]:
        """Its words; an utterance without any counts as one, so that it is not lost unseen."""
        return self.text.split() or [""]


@dataclass(slots=True)
class Verdict:
    """How many words went wrong and how; the first difference for people."""

    words: int = 0
    lost: int = 0
    doubled: int = 0
    reordered: int = 0
    changed: int = 0
    stayed: int = 0
    """Words as they were shown, in place of as many others: nothing is wrong with them."""
    first: str = ""

    @property
    def wrong(self) -> int:
        """Words that are not what and where they were."""
        return self.lost + self.doubled + self.reordered + self.changed

    def add(self, other: "Verdict") -> None:
        """Count another call's words too."""
        self.words += other.words
        self.lost += other.lost
        self.doubled += other.doubled
        self.reordered += other.reordered
        self.changed += other.changed
        self.stayed += other.stayed

    def note(self, difference: str) -> None:
        """Keep a difference if it is the first."""
        self.first = self.first or difference


ROUNDING = 0.0015
"""Seconds; times are told to the millisecond."""
MOST_STAY = 6
"""Words together that may be others: as many as are said while VAD is late."""


def judge(
    truth: Sequence[Spoken], heard: Sequence[Spoken], *, texts: bool = True, shown: bool = False
) -> Verdict:
    """Compare what a call was told, in the order it was told, with the truth.

    Not `texts`: only which utterances there are, and where. `shown`: it had partials.
    """
    verdict = Verdict(words=sum(len(spoken.words) for spoken in truth))
    by_key: dict[tuple[int, int], list[Spoken]] = {}
    for spoken in heard:
        by_key.setdefault(spoken.key, []).append(spoken)
    for spoken in truth:
        given = by_key.pop(spoken.key, [])
        if not given:
            verdict.lost += len(spoken.words)
            verdict.note(f"missing: {spoken}")
            continue
        for again in given[1:]:
            verdict.doubled += len(again.words)
            verdict.note(f"told twice: {again}")
        compare(spoken, given[0], verdict, texts=texts, shown=shown)
    for extra in (spoken for given in by_key.values() for spoken in given):
        verdict.doubled += len(extra.words)
        verdict.note(f"not in the truth: {extra}")
    check_order(heard, verdict)
    return verdict


def compare(
    truth: Spoken, heard: Spoken, verdict: Verdict, *, texts: bool = True, shown: bool = False
) -> None:
    """Count what is wrong with an utterance that was told once."""
    apart = max(abs(truth.start - heard.start), abs(truth.end - heard.end))
    if apart > ROUNDING:
        verdict.changed += len(truth.words)
        verdict.note(f"{heard} is elsewhere: {truth}")
        return
    if not texts or truth.text == heard.text:
        return
    known, before = Counter(truth.words), verdict.wrong
    matcher = SequenceMatcher(None, truth.words, heard.words, autojunk=False)
    for kind, i, j, k, m in matcher.get_opcodes():
        if shown and kind == "replace" and j - i == m - k <= MOST_STAY:
            verdict.stayed += j - i
            continue
        if kind in ("delete", "replace"):
            verdict.lost += max(0, (j - i) - (m - k))
            verdict.changed += min(j - i, m - k)
        if kind in ("insert", "replace"):
            extra = heard.words[k + (j - i) : m] if kind == "replace" else heard.words[k:m]
            verdict.doubled += sum(word in known for word in extra)
            verdict.changed += sum(word not in known for word in extra)
    if verdict.wrong > before:
        verdict.note(f"{heard} should be: {truth}")


def check_order(heard: Iterable[Spoken], verdict: Verdict) -> None:
    """Count the words of utterances that came after later ones of their channel."""
    last: dict[int, Spoken] = {}
    for spoken in heard:
        before = last.get(spoken.channel)
        if before is not None and spoken.utterance < before.utterance:
            verdict.reordered += len(spoken.words)
            verdict.note(f"{spoken} came after {before}")
        last[spoken.channel] = spoken
