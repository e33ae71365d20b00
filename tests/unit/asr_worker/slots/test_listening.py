"""What of an expected answer a text has."""

import pytest

from asr_worker.slots.listening import slot


@pytest.mark.parametrize(
    ("wanted", "text", "found"),
    [
        ("digits 4", "one two", ["12"]),
        ("alphanumeric", "A one", ["A", "1"]),
        ("letters", "A B", ["A", "B"]),
        ("yes_no", "Yes.", ["yes"]),
        ("one_of red|green", "green", ["green"]),
        ("email", "a@b.com", ["a@b.com"]),
        ("date", "May 1", ["may", "1"]),
        ("amount", "5 euros", ["5", "EUR"]),
    ],
)
def test_each_kind_of_answer_is_heard(wanted, text, found):
    told = slot(wanted, text, "English")
    assert told is not None
    assert (told.expected, [each.text for each in told.heard], told.behind) == (wanted, found, 0)


@pytest.mark.parametrize(
    ("text", "behind"),
    [
        ("It's five five five.", 0),
        ("It's five five five, I think.", 2),
        ("There is one other participant.", 2),
        ("I don't know.", 3),
    ],
)
def test_words_behind_an_answer_are_counted(text, behind):
    told = slot("digits 10", text, "English")
    assert told is not None
    assert told.behind == behind


def test_nothing_is_heard_where_nothing_is_expected_or_said():
    assert slot("", "one", "English") is None
    assert slot("digits", "", "English") is None
