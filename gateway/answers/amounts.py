"""An amount from its numbers and units. Pure."""

import re
from collections.abc import Sequence
from decimal import Decimal

_SIGNS = {"$": "USD", "€": "EUR", "£": "GBP"}
_CURRENCIES = frozenset(_SIGNS.values())
_WRITTEN = re.compile(r"([$€£]?)(\d+(?:[.,]\d{3})*?)(?:[.,](\d{1,2}))?([$€£]?)")


def amount(said: Sequence[str]) -> tuple[str, bool] | None:
    """Return an amount such as `1250.30 USD`, and whether a unit was said; None without a number.

    The currency is left out where none was said.
    """
    total, number, currency, united = Decimal(0), None, "", False
    for each in said:
        if each in _CURRENCIES or each == "cents":
            part = Decimal(0) if number is None else number
            total += part / 100 if each == "cents" else part
            currency = each if each in _CURRENCIES else currency
            number, united = None, True
        elif (written := _WRITTEN.fullmatch(each)) is not None:
            before, whole, rest, behind = written.groups()
            value = Decimal(re.sub("[.,]", "", whole) + (f".{rest:0<2}" if rest else ""))
            # "Twelve hundred", a pause, "and fifty".
            goes_on = number is not None and number % 100 == 0 and value < 100
            number = number + value if goes_on and number is not None else value
            if sign := before or behind:
                total, number, currency, united = total + number, None, _SIGNS[sign], True
    if number is None and not united:
        return None
    # "Five fifty" after "dollars" are cents without the word.
    total += (number / 100 if united and number < 100 else number) if number is not None else 0
    text = f"{total:.2f}".removesuffix(".00")
    return (f"{text} {currency}".strip(), united)
