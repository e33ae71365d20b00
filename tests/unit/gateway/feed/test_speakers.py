"""The speakers of a leg: provisional at first, corrected, and the same for every reader."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.audio import samples
from common.pipeline.text import VOICE_LENGTH, Voice
from gateway.feed import speakers
from gateway.feed.speakers import LegSpeakers
from gateway.protocols.events import (
    SpeakerRevision,
)
from gateway.protocols.stretches import Stretch, main_speaker, speaker_at
from tests.unit.gateway.feed.voices import SECOND, mixed, voice


class Reader:
    """One that keeps what it was told, and corrects it."""

    def __init__(self) -> None:
        self.leg = LegSpeakers(1)
        self.told: dict[int, Sequence[Stretch]] = {}
        self.revisions: list[SpeakerRevision] = []

    def hear(self, *finals: Sequence[Voice]) -> "Reader":
        for voices in finals:
            number = len(self.told) + 1
            revision = self.leg.final(number, voices)
            if revision is not None:
                self.revisions.append(revision)
                self.told.update(revision.changed)
            self.told[number] = self.leg.of(number)
        return self

    @property
    def labels(self) -> list[list[int]]:
        return [[each.speaker for each in stretches] for stretches in self.told.values()]


def dialogue(*who: int, seconds: float = 2.5) -> list[list[Voice]]:
    return [[voice(each, 4.0 * place, seconds)] for place, each in enumerate(who)]


def test_speakers_are_numbered_as_they_come():
    reader = Reader().hear(*dialogue(2, 0, 2, 1, 0))
    assert reader.labels == [[0], [1], [0], [2], [1]]
    assert reader.revisions == []


def test_one_final_may_have_two_speakers():
    reader = Reader().hear([voice(0, 0, 3), voice(1, 3, 2)], [voice(1, 9, 2)])
    assert reader.told[1] == (
        Stretch(0, 3 * SECOND, 0),
        Stretch(3 * SECOND, 5 * SECOND, 1),
    )
    assert reader.labels == [[0, 1], [1]]


def test_a_final_without_voices_has_no_speaker():
    reader = Reader().hear([], [voice(0, 0, 3)])
    assert reader.labels == [[], [0]]


def test_somebody_who_has_said_little_is_not_yet_a_speaker():
    first = Reader().hear([voice(0, 0, 3)], [voice(1, 4, 1.0)])
    assert first.labels == [[0], [0]]
    # Once there is more of it, it is one, and the first of it is corrected.
    later = first.hear([voice(1, 8, 1.5)])
    assert later.labels == [[0], [1], [1]]
    (revision,) = later.revisions
    assert (revision.channel, revision.number) == (1, 1)
    assert revision.changed == {2: (Stretch(4 * SECOND, 5 * SECOND, 1),)}


def test_the_first_ones_are_told_apart_however_little_they_say():
    assert Reader().hear([voice(0, 0, 0.8)], [voice(1, 2, 0.8)]).labels == [[0], [1]]


def test_two_that_turn_out_to_be_one_are_one_speaker_with_the_older_number():
    near, far = mixed(0, 1, 0.62, 4, 3), mixed(0, 1, 0.4, 8, 3)
    reader = Reader().hear([voice(0, 0, 3, noise=0)])
    reader.hear([voice(1, 12, 3, noise=0)])
    assert reader.labels == [[0], [1]]
    for place in range(6):
        reader.hear([mixed(0, 1, 0.5, 20 + 4 * place, 3)], [near], [far])
    assert {each for labels in reader.labels for each in labels} == {0}
    assert [each.number for each in reader.revisions] == list(range(1, len(reader.revisions) + 1))


def test_old_voices_stay_with_their_speaker_and_are_known_again(monkeypatch):
    monkeypatch.setattr(speakers, "RECENT", 8)
    reader = Reader().hear(*dialogue(*[0, 1] * 10))
    assert reader.leg.of(1) == ()
    assert reader.leg.of(20) != ()
    silent_for_long = [voice(2, 100 + 4 * place, 2.5) for place in range(12)]
    reader.hear(*[[each] for each in silent_for_long], [voice(0, 200, 2.5)], [voice(1, 204, 2.5)])
    assert reader.labels == [[0], [1]] * 10 + [[2]] * 12 + [[0], [1]]


def test_settled_speakers_never_become_one(monkeypatch):
    monkeypatch.setattr(speakers, "RECENT", 4)
    reader = Reader().hear(*dialogue(*[0, 1] * 5))
    before = reader.labels
    reader.hear(*[[mixed(0, 1, 0.5, 60 + 4 * place, 3)] for place in range(6)])
    assert reader.labels[: len(before)] == before


turns = st.lists(
    st.lists(
        st.tuples(st.integers(0, 3), st.floats(0.3, 5.0), st.floats(0.0, 1.5)),
        max_size=3,
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=50, deadline=None)
@given(turns)
def test_every_reader_finds_the_same_and_each_revision_changes_something(said):
    finals = [
        [
            voice(who, 20.0 * place + 6.0 * part, seconds, noise=noise)
            for part, (who, seconds, noise) in enumerate(parts)
        ]
        for place, parts in enumerate(said)
    ]
    one, other = Reader(), Reader().hear(*finals)
    for final in finals:
        before = dict(one.told)
        revisions = len(one.revisions)
        one.hear(final)
        for revision in one.revisions[revisions:]:
            assert revision.changed
            for utterance, stretches in revision.changed.items():
                assert before[utterance] != stretches
                assert [each[:2] for each in before[utterance]] == [each[:2] for each in stretches]
        # What nothing corrected is as it was told.
        corrected = {each for r in one.revisions[revisions:] for each in r.changed}
        assert all(one.told[each] == before[each] for each in before if each not in corrected)
        assert all(one.leg.of(each) == one.told[each] for each in one.told)
    assert one.told == other.told
    assert one.revisions == other.revisions
    numbers = {each.speaker for stretches in one.told.values() for each in stretches}
    assert len(numbers) <= len([each for final in finals for each in final])


def test_sums_stay_exact_in_a_long_call():
    hours = 24
    heaviest = speakers._HEAVIEST * speakers.RECENT
    settled = hours * samples(3600.0) // speakers._UNIT
    assert VOICE_LENGTH**2 * 1.1 * settled * heaviest < 2**53


def test_a_word_is_said_by_whoever_speaks_nearest_to_its_middle():
    stretches = [Stretch(0, 100, 0), Stretch(200, 300, 1)]
    middles = [50, 149, 151, 250, 999]
    assert [speaker_at(stretches, at - 5, at + 5) for at in middles] == [0, 0, 1, 1, 1]
    assert speaker_at([], 0, 1) is None


@pytest.mark.parametrize(
    ("stretches", "speaker"),
    [
        ([], None),
        ([Stretch(0, 10, 3)], 3),
        ([Stretch(0, 10, 1), Stretch(10, 19, 2), Stretch(20, 29, 2)], 2),
        ([Stretch(0, 10, 2), Stretch(10, 20, 1)], 2),
    ],
)
def test_an_utterance_is_of_who_speaks_longest_in_it(stretches, speaker):
    assert main_speaker(stretches) == speaker
