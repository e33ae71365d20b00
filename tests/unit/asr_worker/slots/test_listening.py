"""What of an expected answer a text has."""

import pytest

from asr_worker.slots.listening import heard
from common.expectation import expectation


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
    expected = expectation(wanted)
    assert expected is not None
    assert [each.text for each in heard(text, "English", expected)] == found
