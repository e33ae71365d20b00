"""Languages by name, by code and by mistake."""

import pytest

from common.languages import NAMES_BY_CODE
from gateway.protocols.languages import UnknownLanguage, resolve


def test_there_are_thirty():
    assert len(NAMES_BY_CODE) == len(set(NAMES_BY_CODE.values())) == 30


@pytest.mark.parametrize(("code", "name"), NAMES_BY_CODE.items())
def test_name_and_code_in_any_case(code, name):
    assert {resolve(s) for s in (code, code.upper(), name, name.lower(), name.upper())} == {name}


@pytest.mark.parametrize("spelling", ["Auto", "", " "])
def test_auto_and_nothing_are_detection(spelling):
    assert resolve(spelling) is None


@pytest.mark.parametrize(
    ("tag", "name"), [("en-US", "English"), ("pt_BR", "Portuguese"), ("es-419", "Spanish")]
)
def test_a_region_is_ignored(tag, name):
    assert resolve(tag) == name


@pytest.mark.parametrize("wrong", ["xx", "zh-yue", "en-", "english-US", "klingon", "\ud800"])
def test_what_is_no_language_is_refused(wrong):
    with pytest.raises(UnknownLanguage):
        resolve(wrong)


def test_the_close_match_is_named():
    with pytest.raises(UnknownLanguage, match="did you mean 'German'"):
        resolve("Germann")


def test_without_a_close_match_all_are_listed():
    with pytest.raises(UnknownLanguage, match=r"known are auto, .*Cantonese \(yue\)"):
        resolve("qqqqq")
