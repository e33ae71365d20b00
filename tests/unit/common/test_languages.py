"""Names and codes of languages."""

import pytest

from common.languages import NAMES_BY_CODE, QWEN_BY_CODE, UnknownLanguage, code_of, name_of, resolve


@pytest.mark.parametrize("spelling", ["English", "english", " ENGLISH ", "en", "EN"])
def test_any_spelling_gives_the_code(spelling):
    assert code_of(spelling) == "en"


def test_what_the_table_does_not_know_is_taken_for_a_code():
    assert code_of("TLH") == "tlh"
    assert name_of("tlh") == "tlh"


def test_names_and_codes_are_one_to_one():
    assert [code_of(name) for name in NAMES_BY_CODE.values()] == list(NAMES_BY_CODE)


def test_qwen_knows_thirty_and_whisper_seventy_more():
    assert len(QWEN_BY_CODE) == len(set(QWEN_BY_CODE.values())) == 30
    assert len(NAMES_BY_CODE) == len(set(NAMES_BY_CODE.values())) == 100


def test_codes_of_whispers_own_have_the_same_names():
    assert (name_of("jw"), name_of("tl")) == ("Javanese", "Filipino")


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


def test_without_a_close_match_it_is_said_what_to_write():
    with pytest.raises(UnknownLanguage, match="such as 'German' or 'de', or auto"):
        resolve("qqqqq")


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("eng", "English"),
        ("ger", "German"),
        ("deu", "German"),
        ("zh-Hans", "Chinese"),
        ("zh_Hant_TW", "Chinese"),
        ("spa-419", "Spanish"),
        ("ukr", "Ukrainian"),
        ("he-IL", "Hebrew"),
        ("yue-Hant-HK", "Cantonese"),
    ],
)
def test_other_codes_scripts_and_regions_are_understood(tag, name):
    assert resolve(tag) == name


@pytest.mark.parametrize("code", ["xx", "hx", "tlh"])
def test_a_short_code_is_no_misspelt_other_one(code):
    with pytest.raises(UnknownLanguage, match="write its English name"):
        resolve(code)
