"""Names and codes of languages."""

import pytest

from common.languages import NAMES_BY_CODE, code_of, name_of


@pytest.mark.parametrize("spelling", ["English", "english", " ENGLISH ", "en", "EN"])
def test_any_spelling_gives_the_code(spelling):
    assert code_of(spelling) == "en"


def test_what_the_table_does_not_know_is_taken_for_a_code():
    assert code_of("CY") == "cy"
    assert name_of("cy") == "cy"


def test_names_and_codes_are_one_to_one():
    assert [code_of(name) for name in NAMES_BY_CODE.values()] == list(NAMES_BY_CODE)
