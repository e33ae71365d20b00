"""Who says what on one leg: a fold over the voices that its finals are stored with. Pure.

Voices are clustered by average linkage (Sokal and Michener 1958): the two groups that are most
alike become one, until no two are `ALIKE`. A group of less than `LEAST` is not yet a speaker, and
counts for the one that it resembles most.

Only the newest `RECENT` voices can change their speaker. Older ones are settled, so that a long
call takes no more time or memory than a short one. All sums are of whole numbers below 2**53, which
have no rounding and no order: every reader finds the same speakers, on whatever machine.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from common.audio import samples
from common.pipeline.text import VOICE_LENGTH, Voice
from gateway.protocols.events import (
    SpeakerRevision,
)
from gateway.protocols.stretches import Stretch

ALIKE = 0.28
"""Average cosine between two groups from which they are one speaker's; see docs/decisions.md."""
LEAST = samples(2.0)
"""Samples of speech from which a group is a speaker of its own."""
RECENT = 64
_UNIT = samples(0.01)
"""Samples that weigh 1."""
_HEAVIEST = 200
"""A longer stretch says no more, and would outvote the others."""

_Numbers: TypeAlias = npt.NDArray[np.float64]


class _Heard(NamedTuple):
    """A recent voice; `vector` [256]."""

    utterance: int
    start: int
    end: int
    vector: _Numbers
    weight: int


class _Settled(NamedTuple):
    """What a speaker's older voices come to: the sum of their weighted vectors, their weights."""

    vectors: _Numbers
    weight: int


class LegSpeakers:
    """The speakers of one leg, numbered from 0 in the order in which they are told first."""

    def __init__(self, channel: int) -> None:
        self._channel = channel
        self._recent: list[_Heard] = []
        self._names: list[int] = []
        """The speaker of each recent voice."""
        self._settled: dict[int, _Settled] = {}
        self._speakers = 0
        self._revisions = 0

    def of(self, utterance: int) -> tuple[Stretch, ...]:
        """Return who speaks in an utterance; nothing if none of its voices is recent."""
        return tuple(
            Stretch(heard.start, heard.end, name)
            for heard, name in zip(self._recent, self._names, strict=True)
            if heard.utterance == utterance
        )

    def final(self, utterance: int, voices: Sequence[Voice]) -> SpeakerRevision | None:
        """Learn the voices of the next final; return what they change of those before it."""
        if not voices:
            return None
        before = self._names
        self._recent += [_heard(utterance, voice) for voice in voices]
        self._names = self._named([*before, *(None for _ in voices)])
        changed = {
            heard.utterance
            for heard, was, name in zip(self._recent, before, self._names, strict=False)
            if was != name
        }
        told = {number: self.of(number) for number in sorted(changed - {utterance})}
        self._settle()
        if not told:
            return None
        self._revisions += 1
        return SpeakerRevision(self._channel, self._revisions, told)

    def _settle(self) -> None:
        while len(self._recent) > RECENT:
            heard, name = self._recent.pop(0), self._names.pop(0)
            vectors, weight = self._settled.get(name, _Settled(np.zeros(len(heard.vector)), 0))
            more = heard.weight * heard.vector
            self._settled[name] = _Settled(vectors + more, weight + heard.weight)

    def _named(self, before: Sequence[int | None]) -> list[int]:
        """Return the speaker of each recent voice; `before` has those told, None for new voices."""
        owners = list(self._settled)
        vectors = [each.vectors for each in self._settled.values()]
        vectors += [heard.weight * heard.vector for heard in self._recent]
        weights = [each.weight for each in self._settled.values()]
        weights += [heard.weight for heard in self._recent]
        groups = _Groups(np.array(vectors), np.array(weights, float), len(owners))
        groups.join()
        told = [*owners, *before]
        names = {
            group: owners[first]
            for group, (first, *_) in groups.members.items()
            if first < len(owners)
        }
        small = self._small(groups, names)
        names |= self._kept(groups, told, names, small)
        for group in groups.members:
            if group not in names and group not in small:
                names[group] = self._speakers
                self._speakers += 1
        names |= {group: names[groups.likest(group, names)] for group in small}
        return [names[group] for group in groups.membership()[len(owners) :]]

    @staticmethod
    def _small(groups: "_Groups", settled: Mapping[int, int]) -> set[int]:
        """Return the groups that are no speakers yet; none while nobody has said more."""
        small = {
            group
            for group in groups.members
            if group not in settled and groups.weight(group) * _UNIT < LEAST
        }
        return small if len(small) < len(groups.members) else set()

    @staticmethod
    def _kept(
        groups: "_Groups",
        told: Sequence[int | None],
        settled: Mapping[int, int],
        small: Set[int],
    ) -> dict[int, int]:
        """Return the names that groups keep: each that of most of it, and no two the same."""
        votes: Counter[tuple[int, int]] = Counter()
        for group, members in groups.members.items():
            if group not in settled and group not in small:
                for each in members:
                    if (name := told[each]) is not None:
                        votes[group, name] += groups.heaviness(each)
        kept: dict[int, int] = {}
        taken = set(settled.values())
        for group, name in sorted(votes, key=lambda vote: (-votes[vote], vote)):
            if group not in kept and name not in taken:
                kept[group] = name
                taken.add(name)
        return kept


class _Groups:
    """Groups of atoms, each atom at first a group of its own; the first `apart` never meet.

    `vectors` [n, 256] are weighted by `weights` [n]. A group goes by its first atom.
    """

    def __init__(self, vectors: _Numbers, weights: _Numbers, apart: int) -> None:
        self.members = {each: [each] for each in range(len(weights))}
        self._products = vectors @ vectors.T
        self._atoms = weights
        self._weights = weights.copy()
        self._likeness = self._products / np.outer(weights, weights)
        np.fill_diagonal(self._likeness, -np.inf)
        self._likeness[:apart, :apart] = -np.inf

    def join(self) -> None:
        """Join the two groups that are most alike, until no two are alike."""
        alike = ALIKE * VOICE_LENGTH**2
        while True:
            one, other = sorted(divmod(int(self._likeness.argmax()), len(self._weights)))
            if self._likeness[one, other] < alike:
                return
            self.members[one] += self.members.pop(other)
            self._products[one] += self._products[other]
            self._products[:, one] += self._products[:, other]
            self._weights[one] += self._weights[other]
            barred = np.isneginf(self._likeness[one]) | np.isneginf(self._likeness[other])
            fresh = self._products[one] / (self._weights * self._weights[one])
            fresh[barred] = -np.inf
            self._likeness[one] = self._likeness[:, one] = fresh
            self._likeness[other] = self._likeness[:, other] = -np.inf

    def membership(self) -> list[int]:
        """Return the group of each atom."""
        found = {each: group for group, members in self.members.items() for each in members}
        return [found[each] for each in range(len(found))]

    def heaviness(self, atom: int) -> int:
        """Return what an atom weighs."""
        return int(self._atoms[atom])

    def weight(self, group: int) -> float:
        """Return what a group's atoms weigh together."""
        return float(self._weights[group])

    def likest(self, group: int, among: Iterable[int]) -> int:
        """Return which of some groups this one resembles most."""
        likeness = self._products[group] / self._weights
        return max(among, key=lambda each: float(likeness[each]))


def _heard(utterance: int, voice: Voice) -> _Heard:
    weight = max(1, min(_HEAVIEST, (voice.end - voice.start) // _UNIT))
    vector = np.frombuffer(voice.numbers, np.int8).astype(float)
    return _Heard(utterance, voice.start, voice.end, vector, weight)
