"""The answers of a leg, over its utterances."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.audio import samples
from common.pipeline.partial import PartialText
from common.pipeline.slot import Heard, Slot
from common.pipeline.text import End, Final
from gateway.feed.answers import FORGOTTEN, LegAnswers
from gateway.protocols.events import Answer

CORRECTS = Heard("", mark="corrects")
LENGTH = samples(2.0)


def slot(*heard: str, wanted: str = "digits 6") -> Slot:
    return Slot(wanted, tuple(CORRECTS if each == "no" else Heard(each) for each in heard))


def final(number: int, told: Slot | None, start: int | None = None) -> Final:
    begins = number * LENGTH if start is None else start
    place: dict[str, Any] = {"start": begins, "end": begins + LENGTH, "at": begins + LENGTH}
    return Final(**place, text=f"text {number}", reason="silence", slot=told)


def paused(number: int, told: Slot | None) -> PartialText:
    said = f"text {number}"
    start = number * LENGTH
    return PartialText(start, start + LENGTH, said, 0, "English", paused=True, slot=told)


def values(told: list[Answer]) -> list[tuple[str, bool, bool]]:
    return [(each.value, each.complete, each.final) for each in told]


def test_a_number_in_several_utterances_is_one_answer():
    answers = LegAnswers(1)
    told = answers.item(1, final(1, slot("12")))
    told += answers.item(2, final(2, None))
    told += answers.item(3, final(3, slot("34")))
    told += answers.partial(4, paused(4, slot("5")))
    told += answers.partial(4, paused(4, slot("56")))
    told += answers.partial(4, paused(4, slot("56")))
    told += answers.item(4, final(4, slot("56")))
    assert values(told) == [
        ("12", False, True),
        ("1234", False, True),
        ("123456", True, False),
        ("123456", True, True),
    ]
    last = told[-1]
    assert (last.channel, last.first, last.utterance) == (1, 1, 4)
    assert (last.start, last.end) == (LENGTH, 5 * LENGTH)
    assert last.raw == "text 1 text 3 text 4"


def test_behind_a_complete_answer_another_begins_unless_it_is_corrected():
    answers = LegAnswers(0)
    told = answers.item(1, final(1, slot("123456")))
    told += answers.item(2, final(2, slot("no", "7")))
    told += answers.item(3, final(3, slot("no")))
    told += answers.item(4, final(4, slot("12")))
    assert values(told) == [
        ("123456", True, True),
        ("123457", True, True),
        ("", False, True),
        ("12", False, True),
    ]
    assert [each.first for each in told] == [1, 1, 3, 3]


def test_another_question_begins_another_answer():
    answers = LegAnswers(0)
    told = answers.item(1, final(1, slot("12")))
    told += answers.item(2, final(2, slot("34", wanted="#again digits 6")))
    assert values(told) == [("12", False, True), ("34", False, True)]
    assert [each.question for each in told] == ["", "again"]


@pytest.mark.parametrize(("late", "value"), [(0, "1234"), (1, "34")])
def test_a_part_is_forgotten(late, value):
    answers = LegAnswers(0)
    answers.item(1, final(1, slot("12"), 0))
    (told,) = answers.item(2, final(2, slot("34"), LENGTH + FORGOTTEN + late))
    assert told.value == value


def test_what_was_said_of_nothing_is_told_with_what_there_was_before():
    answers = LegAnswers(0)
    assert values(answers.item(1, final(1, slot()))) == [("", False, True)]
    assert values(answers.item(2, final(2, slot("12")))) == [("12", False, True)]
    assert values(answers.item(3, final(3, slot()))) == [("12", False, True)]


def test_a_pause_waits_for_the_finals_before_it():
    answers = LegAnswers(0)
    assert answers.partial(2, paused(2, slot("3456"))) == []
    told = answers.item(1, final(1, slot("12"))) + answers.waiting()
    assert values(told) == [("12", False, True), ("123456", True, False)]
    assert answers.partial(1, paused(1, slot("123456"))) == []
    assert answers.waiting() == []


def test_without_a_question_there_is_no_answer():
    answers = LegAnswers(0)
    assert answers.item(1, final(1, None)) == []
    assert answers.partial(2, paused(2, None)) == []
    assert answers.weighed(2, paused(2, None)) is None
    assert answers.item(2, End()) == []


@pytest.mark.parametrize(("behind", "begun"), [(0, True), (2, True), (3, False)])
def test_who_goes_on_with_other_words_is_not_waited_for(behind, begun):
    answers = LegAnswers(0)
    found = answers.weighed(1, paused(1, replace(slot("12"), behind=behind)))
    assert found is not None
    assert (found.value, found.begun) == ("12", begun)


def test_what_an_answer_keeps_is_bounded():
    answers = LegAnswers(0)
    for number in range(1, 200):
        (told,) = answers.item(number, final(number, slot("1", "2", wanted="digits")))
    assert len(told.value) == 64
    (told,) = answers.item(200, final(200, slot(*"3" * 100, wanted="digits")))
    assert told.value == "3" * 64


heard = st.lists(st.sampled_from(["1", "23", "no"]), max_size=3)


@given(st.lists(heard, max_size=6), st.data())
def test_the_finals_alone_decide(said, data: st.DataObject):
    plain, interrupted = LegAnswers(0), LegAnswers(0)
    for number, each in enumerate(said, 1):
        for _ in range(data.draw(st.integers(0, 2))):
            ahead = number + data.draw(st.integers(0, 2))
            interrupted.partial(ahead, paused(ahead, slot(*data.draw(heard))))
        item = final(number, slot(*each))
        assert interrupted.item(number, item) == plain.item(number, item)
        interrupted.waiting()
