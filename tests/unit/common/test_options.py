"""The table of options is whole, agrees with itself, and tells who reads what."""

import re
from dataclasses import fields

import pytest

from common.languages import NAMES_BY_CODE
from common.options import OPTIONS, Kind, Option, SessionOptions
from common.pipeline import stages
from tests.conftest import ROOT

EACH = pytest.mark.parametrize("option", OPTIONS.values(), ids=OPTIONS)
WORKERS = {"vad": "vad_worker", "denoise": "denoise_worker", "asr": "asr_worker"}


def allows(option: Option, value: object) -> bool:
    if value is None:
        return option.nullable
    match option.kind, value:
        case Kind.BOOL, bool():
            return True
        case Kind.INT, int():
            return option.low <= value <= option.high
        case Kind.FLOAT, float():
            return option.low <= value <= option.high
        case Kind.TEXT, str():
            return len(value) <= option.longest
        case Kind.TEXTS, tuple():
            return len(value) <= option.most and all(0 < len(v) <= option.longest for v in value)
        case Kind.CHOICE, str():
            return value in option.choices
        case Kind.CHOICES, tuple():
            return set(value) <= set(option.choices)
        case Kind.LANGUAGE, str():
            return value in NAMES_BY_CODE.values()
        case Kind.LANGUAGES, tuple():
            return len(value) <= option.most and set(value) <= set(NAMES_BY_CODE.values())
    return False


def test_the_table_has_every_field_of_the_record():
    assert list(OPTIONS) == [each.name for each in fields(SessionOptions)]


@EACH
def test_an_option_allows_its_default(option):
    assert option.default == getattr(SessionOptions(), option.name)
    assert allows(option, option.default)


@EACH
def test_an_option_has_the_limits_of_its_kind(option):
    assert (option.high > option.low) == (option.kind in (Kind.INT, Kind.FLOAT))
    assert (option.longest > 0) == (option.kind in (Kind.TEXT, Kind.TEXTS))
    assert (option.most > 0) == (option.kind in (Kind.TEXTS, Kind.LANGUAGES))
    assert bool(option.choices) == (option.kind in (Kind.CHOICE, Kind.CHOICES))


@EACH
def test_an_option_says_what_it_is_and_who_uses_it(option):
    assert option.meaning
    assert option.used_by
    assert set(option.used_by) <= {"gateway", *stages.NAMES}


KNOWN = "English, French, German, Italian, Russian or Spanish"


@pytest.mark.parametrize("stage", WORKERS)
def test_a_worker_reads_the_options_that_it_uses_and_no_others(stage):
    sources = (ROOT / WORKERS[stage]).rglob("*.py")
    named = {name for path in sources for name in re.findall(r"options\.(\w+)", path.read_text())}
    if "turn_silence" in named:
        named |= {"min_turn_silence", "max_turn_silence"}
    if "weighs_pauses" in named:
        named |= {"endpointing", "expect"}
    wanted = {spec.wanted_by for spec in stages.PIPELINE if spec.name == stage}
    told = {each.name for each in OPTIONS.values() if stage in each.used_by}
    assert (named & OPTIONS.keys()) | (wanted - {None}) == told


@pytest.mark.parametrize("spec", [s for s in stages.PIPELINE if s.wanted_by], ids=lambda s: s.name)
def test_a_stage_uses_the_option_that_asks_for_it(spec):
    assert spec.name in OPTIONS[spec.wanted_by].used_by


@pytest.mark.parametrize(
    ("speech", "longest", "fits"), [(5, 6, True), (5, 5, False), (6, 5, False)]
)
def test_an_utterance_is_not_cut_before_it_begins(speech, longest, fits):
    options = SessionOptions(min_speech_duration=speech, max_utterance=longest)
    expected = f"min_speech_duration ({speech} s) must be less than max_utterance ({longest} s)"
    assert options.contradiction == (None if fits else expected)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"numbers": "digits"}, None),
        ({"numbers": "digits", "language": "English"}, None),
        ({"numbers": "engine", "language": "German"}, None),
        ({"redact": ("pci",), "language": "English"}, None),
        ({"redact": (), "language": "German"}, None),
        ({"languages": ("German", "English"), "language": "German"}, None),
        ({"languages": ("German", "English")}, None),
        (
            {"languages": ("German", "English"), "language": "French"},
            "language (French) is none of languages (German, English); null detects it",
        ),
        (
            {"numbers": "digits", "language": "Hungarian"},
            f"numbers (digits) knows {KNOWN}, not the language Hungarian",
        ),
        (
            {"numbers": "spoken", "language": "German"},
            "numbers (spoken) knows English, not the language German",
        ),
        (
            {"redact": ("pci",)},
            f"redact needs the language {KNOWN}, not one that is detected",
        ),
        (
            {"redact": ("pci",), "language": "Hungarian"},
            f"redact needs the language {KNOWN}, not Hungarian",
        ),
    ],
)
def test_numbers_are_known_only_in_some_languages(given, expected):
    assert SessionOptions(**given).contradiction == expected
