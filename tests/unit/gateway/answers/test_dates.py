"""A date from its months and numbers."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.answers.dates import dates


@pytest.mark.parametrize(
    ("said", "first"),
    [
        (["14", "march", "1985"], "1985-03-14"),
        (["march", "14th", "1985"], "1985-03-14"),
        (["14", "march", "19", "85"], "1985-03-14"),
        (["14", "march", "20", "5"], "2005-03-14"),
        (["14", "march", "85"], "1985-03-14"),
        (["14", "march", "05"], "2005-03-14"),
        (["03/04/1985"], "1985-04-03"),
        (["1985-04-03"], "1985-04-03"),
        (["12", "31", "1990"], "1990-12-31"),
        (["31121990"], "1990-12-31"),
        (["311290"], "1990-12-31"),
    ],
)
def test_the_likeliest_date_is_first(said, first):
    assert dates(said)[0] == first


def test_day_and_month_may_be_either():
    assert dates(["03/04/1985"]) == ["1985-04-03", "1985-03-04"]


@pytest.mark.parametrize(
    "said",
    [
        [],
        ["14", "march"],
        ["1985"],
        ["31", "february", "1990"],
        ["march", "april", "1", "1990"],
        ["13/13/1990"],
        ["00/00/0000"],
        ["1", "march", "85000"],
    ],
)
def test_what_is_no_date_is_none(said):
    assert dates(said) == []


@given(st.dates(date(1931, 1, 1), date(2030, 12, 31)))
def test_any_date_is_found_as_it_is_written(day):
    assert day.isoformat() in dates([f"{day.day}", day.strftime("%B").lower(), f"{day.year}"])
    assert dates([day.isoformat()]) == [day.isoformat()]
    assert day.isoformat() in dates([day.strftime("%d%m%y")])
