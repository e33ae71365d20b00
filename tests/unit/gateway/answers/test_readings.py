"""The ways in which what was dictated can be understood."""

from hypothesis import given
from hypothesis import strategies as st

from common.pipeline.slot import Heard
from gateway.answers.readings import readings

CORRECTS, RESTARTS = Heard("", mark="corrects"), Heard("", mark="restarts")


def texts(*utterances: str, in_characters: bool = True) -> list[str]:
    marks = {"/": CORRECTS, "!": RESTARTS}
    heard = [[marks.get(each) or Heard(each) for each in one.split()] for one in utterances]
    return [each.text for each in readings(heard, in_characters=in_characters)]


def test_groups_follow_each_other_over_utterances():
    assert texts("555 01", "99")[0] == "5550199"
    assert texts() == [""]


def test_a_correction_replaces_as_much_as_it_says_first_of_all():
    assert texts("456 / 7")[:2] == ["457", "7"]
    assert texts("456", "/ 89")[0] == "489"
    assert set(texts("12 3456 / 78")) == {"123478", "1234578", "1278", "78", "12345678"}


def test_a_correction_of_nothing_is_none():
    assert texts("/ 12") == ["12"]


def test_a_restart_forgets_what_was_before():
    assert texts("12 34 ! 56") == ["56"]


def test_an_utterance_may_begin_anew_and_a_group_may_be_said_again():
    assert texts("12", "34") == ["1234", "34"]
    assert texts("12 123") == ["12123", "123"]


def test_words_are_corrected_by_words_of_their_kind():
    assert texts("14 march / 15", in_characters=False)[0] == "15march"
    assert texts("jon / john @", in_characters=False)[0] == "john@"


def test_how_sure_characters_are_goes_with_them():
    said = [Heard("123", (0.1, 0.2, 0.3)), CORRECTS, Heard("45", (0.4, 0.5))]
    first, *others = readings([said], in_characters=True)
    assert (first.text, first.sure) == ("145", (0.1, 0.4, 0.5))
    assert all(len(each.sure) == len(each.text) for each in others)
    assert readings([[Heard("1"), Heard("2", (0.5,))]], in_characters=True)[0].sure == ()


pieces = st.one_of(st.just("/"), st.just("!"), st.text("0123", min_size=1, max_size=3))


@given(st.lists(st.lists(pieces, max_size=6), max_size=5))
def test_there_is_a_bounded_number_of_readings_each_once_the_cheapest_first(said):
    marks = {"/": CORRECTS, "!": RESTARTS}
    heard = [[marks.get(each) or Heard(each) for each in one] for one in said]
    found = readings(heard, in_characters=True)
    assert 1 <= len(found) <= 32
    assert len({each.text for each in found}) == len(found)
    assert [each.cost for each in found] == sorted(each.cost for each in found)
