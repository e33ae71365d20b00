"""What a caller is expected to say, as the option spells it."""

import pytest

from common.expectation import Expectation, expectation
from common.options import SessionOptions


@pytest.mark.parametrize(
    ("spelled", "wanted"),
    [
        ("", None),
        ("digits", Expectation("digits")),
        ("digits 10", Expectation("digits", (10,))),
        ("digits 4-6", Expectation("digits", (4, 5, 6))),
        ("alphanumeric 4, 6-7", Expectation("alphanumeric", (4, 6, 7))),
        ("digits 13-14 luhn", Expectation("digits", (13, 14), check="luhn")),
        ("digits luhn", Expectation("digits", check="luhn")),
        ("alphanumeric 15 mod97", Expectation("alphanumeric", (15,), check="mod97")),
        ("letters", Expectation("letters")),
        ("#card digits 4", Expectation("digits", (4,), name="card")),
        (" #q-1 one_of #1|#2", Expectation("one_of", choices=("#1", "#2"), name="q-1")),
        ("email", Expectation("email")),
        ("date", Expectation("date")),
        ("amount", Expectation("amount")),
        ("yes_no", Expectation("yes_no")),
        ("one_of red | dark green", Expectation("one_of", choices=("red", "dark green"))),
    ],
)
def test_an_expectation_is_read(spelled, wanted):
    assert expectation(spelled) == wanted
    assert SessionOptions(expect=spelled).contradiction is None


@pytest.mark.parametrize(
    "spelled",
    [
        "a number",
        "digits ten",
        "digits 0",
        "digits 6-4",
        "digits 4-",
        "digits 100",
        "yes_no 2",
        "email 5",
        "digits 4 mod97",
        "letters luhn",
        "#card",
        "# digits",
        "one_of",
        "one_of red||green",
    ],
)
def test_what_it_cannot_be_is_said(spelled):
    with pytest.raises(ValueError, match=r"it is digits|lengths|one_of takes"):
        expectation(spelled)
    told = SessionOptions(expect=spelled).contradiction
    assert told is not None
    assert told.startswith("expect (")


def test_what_is_to_be_hidden_cannot_be_expected():
    options = SessionOptions(expect="digits 16", redact=("pci",), language="English")
    assert options.contradiction == "expect tells what redact hides: one of them"
