"""Check digits."""

import pytest

from gateway.answers.checks import checks


@pytest.mark.parametrize(
    ("value", "check", "right"),
    [
        ("4111111111111111", "luhn", True),
        ("4111111111111112", "luhn", False),
        ("79927398713", "luhn", True),
        ("GB82WEST12345698765432", "mod97", True),
        ("GB82WEST12345698765423", "mod97", False),
        ("GB82", "mod97", False),
        ("12", "", True),
    ],
)
def test_check_digits_are_checked(value, check, right):
    assert checks(value, check) is right


@pytest.mark.parametrize("at", range(16))
def test_one_wrong_digit_is_found(at):
    card = "4111111111111111"
    wrong = f"{card[:at]}{(int(card[at]) + 1) % 10}{card[at + 1 :]}"
    assert not checks(wrong, "luhn")
