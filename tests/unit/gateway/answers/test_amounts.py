"""An amount from its numbers and units."""

import pytest

from gateway.answers.amounts import amount


@pytest.mark.parametrize(
    ("said", "value", "united"),
    [
        (["1250", "USD", "30", "cents"], "1250.30 USD", True),
        (["$1,250.30"], "1250.30 USD", True),
        (["1.250,30€"], "1250.30 EUR", True),
        (["12.5", "EUR"], "12.50 EUR", True),
        (["1200", "50", "USD"], "1250 USD", True),
        (["5", "USD", "50"], "5.50 USD", True),
        (["99", "cents"], "0.99", True),
        (["50"], "50", False),
        (["£20"], "20 GBP", True),
    ],
)
def test_an_amount_is_put_together(said, value, united):
    assert amount(said) == (value, united)


@pytest.mark.parametrize("said", [[], ["12-34"], ["a1"]])
def test_without_a_number_there_is_none(said):
    assert amount(said) is None
