from dataclasses import replace

import pytest

from callscribe.client.options import Options
from tests.chaos.caller import Course
from tests.chaos.judge import Spoken
from tests.chaos.scripts import Script
from tests.chaos.sinks.kept import Kept, compare, each_kept

FIRST, OTHER = Spoken(0, 1, 0.5, 2.0, "one two"), Spoken(1, 1, 0.7, 3.0, "three")
SECOND, EMPTY = Spoken(0, 2, 3.0, 5.0, "four"), Spoken(0, 3, 6.0, 6.0, "")


def course(*finals: Spoken, session: str = "s", **about: bool | int | str) -> Course:
    made = Course(1, Script("0-native", Options(), ()), session=session, **about)  # type: ignore[arg-type]
    made.finals = [*finals]
    return made


def file(*finals: Spoken, session: str = "s", name: str = "") -> Kept:
    return Kept(session, name, [*finals])


TOLD = course(FIRST, OTHER, replace(SECOND, text="four +words"), EMPTY)


@pytest.mark.parametrize("name", ["", "s"])
def test_a_file_has_what_was_told(name):
    kept = file(FIRST, OTHER, SECOND, session="other" if name else "s", name=name)
    assert compare([TOLD], [kept]) == []


@pytest.mark.parametrize(
    "finals",
    [(FIRST, OTHER), (FIRST, OTHER, SECOND, SECOND), (SECOND, OTHER, FIRST), (FIRST, SECOND)],
)
def test_a_file_that_lacks_something_or_has_it_twice_or_in_another_order(finals):
    assert len(compare([TOLD], [file(*finals)])) == 1


def test_a_call_without_a_file_and_a_file_without_a_call():
    assert len(compare([TOLD], [])) == 1
    assert len(compare([], [file(FIRST)])) == 1
    assert compare([], [file()]) == []
    assert compare([course(FIRST, turned_away=1)], [file(FIRST), file(FIRST, session="t")]) == []
    assert len(compare([course(FIRST)], [file(FIRST), file(FIRST, session="t")])) == 1


def test_calls_that_know_no_name_of_theirs_are_found_by_their_text():
    told = [
        course(Spoken(0, 0, 0.0, 0.0, text), session="unknown", anonymous=True)
        for text in ("one two four", "three")
    ]
    kept = [file(replace(OTHER, channel=0), session="a"), file(FIRST, SECOND, session="b")]
    assert compare(told, kept) == []
    assert len(compare(told, kept[:1])) == 1
    assert len(compare(told[:1], kept)) == 1


def final(seq: int) -> dict[str, object]:
    facts = {"channel": 0, "utterance": seq, "start": 0.5, "end": 2.0, "text": "one two"}
    return {"id": f"s:{seq}", "type": "final", "seq": seq, **facts}


BEGUN: dict[str, object] = {"id": "s:0", "type": "session_created", "session_id": "s", "name": "n"}
ENDED: dict[str, object] = {"id": "s:end", "type": "session_ended", "session_id": "s"}
ERASED: dict[str, object] = {"id": "s:erased", "type": "session_erased", "session_id": "s"}


def test_what_comes_again_counts_once():
    again = {**final(1), "text": "other"}
    (call,) = each_kept([BEGUN, final(1), BEGUN, again, ENDED])
    assert call == Kept("s", "n", [FIRST], again=2)


def test_calls_are_told_apart():
    other = {"id": "t:0", "type": "session_created", "session_id": "t"}
    assert [call.session for call in each_kept([BEGUN, other, final(1)])] == ["s", "t"]


def test_an_erased_call_ends_with_that_wherever_it_was():
    for before in ([], [BEGUN], [BEGUN, final(1), ENDED]):
        (call,) = each_kept([*before, ERASED])
        assert (call.erased, call.problems) == (True, [])
    (call,) = each_kept([BEGUN, ERASED, final(1)])
    assert call.problems


@pytest.mark.parametrize("messages", [(BEGUN, final(1)), (BEGUN, final(2), final(1), ENDED)])
def test_a_call_that_is_not_whole_or_in_order_is_a_problem(messages):
    (call,) = each_kept(messages)
    assert call.problems
