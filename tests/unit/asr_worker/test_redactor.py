"""A function of the operator's own: what it finds is hidden, and all if it finds no answer."""

import threading
from collections.abc import Iterable

import pytest

from asr_worker.redactor import UNKNOWN, Redactor
from asr_worker.screening import TextScreen
from asr_worker.spoken.secrets import Span
from common.errors import SettingsError
from common.options import SessionOptions
from common.pipeline.text import Hidden
from tests.unit.asr_worker.test_screening import HIDDEN, final, partial, shown

Found = Iterable[tuple[int, int, str]]
NAMES = ("Jane Doe", "Baker Street")
SAID = "my name is Jane Doe, card four five three two"


def names(text: str, language: str) -> Found:
    """A plug-in: it knows two names."""
    for name in NAMES:
        if (at := text.find(name)) >= 0:
            yield at, at + len(name), "PERSON" if name == NAMES[0] else "ADDRESS"


def fails(text: str, language: str) -> Found:
    raise ValueError(text)


def all_of_it(text: str, language: str) -> Found:
    return [(0, len(text) + 1, "PERSON")]


def lower(text: str, language: str) -> Found:
    return [(0, 2, "person")]


def screen(find: object = names, options: SessionOptions = HIDDEN) -> TextScreen:
    return TextScreen(options, redactor=Redactor(find))  # type: ignore[arg-type]


def test_what_it_finds_is_hidden_beside_what_we_find():
    said = screen().final(final(SAID))
    assert said.text == "my name is [PERSON], card [NUMBER]"
    assert said.hidden == (Hidden("person", 0, 16_000), Hidden("number", 0, 16_000))


def test_a_part_of_a_word_hides_the_word_and_masks_that_meet_are_one():
    spans = [(12, 13, "PERSON"), (30, 34, "ADDRESS")]
    said = screen(lambda text, language: spans).final(final(SAID)).text
    assert said == "my name is [PERSON] Doe, card [NUMBER]"


def test_nothing_is_shown_before_a_text_is_whole():
    one = screen()
    assert shown(one, "my name is Jane", "my name is Jane") == ("", "[...]")
    assert one.final(final(SAID)).text.startswith("my name is [PERSON]")
    begun = TextScreen(HIDDEN, partial("my name is", "my name"), redactor=Redactor(names))
    assert shown(begun, "my name is Jane") == ("my name", " [...]")


def test_a_call_that_hides_nothing_asks_for_nothing():
    asked = screen(fails, SessionOptions(numbers="digits"))
    assert asked.final(final("Jane Doe")).text == "Jane Doe"


@pytest.mark.parametrize("find", [fails, all_of_it, lower, lambda text, language: [(0, 1)]])
def test_an_answer_of_no_use_hides_all(find):
    said = screen(find).final(final(SAID))
    assert said.text == f"[{UNKNOWN}]"
    assert said.hidden == (Hidden("hidden", 0, 16_000),)


def test_the_error_names_nothing_that_was_said(caplog):
    screen(fails).final(final(SAID))
    (record,) = caplog.records
    assert record.message == "redactor.failed"
    assert "Jane" not in str(vars(record))


def test_one_that_takes_too_long_is_not_waited_for():
    going, asked = threading.Event(), []

    def slow(text: str, language: str) -> Found:
        asked.append(text)
        going.wait()
        return []

    redactor = Redactor(slow, patience=0.01)
    assert redactor.spans("Jane", "English") == (Span(0, 4, UNKNOWN),)
    assert redactor.spans("John", "English") == (Span(0, 4, UNKNOWN),)
    assert asked == ["Jane"]
    going.set()


def test_a_text_is_asked_about_once():
    asked: list[str] = []

    def find(text: str, language: str) -> Found:
        asked.append(text)
        return []

    redactor = Redactor(find)
    assert [redactor.spans(each, "English") for each in ("one", "one", "two", "")] == [
        [],
        [],
        [],
        (),
    ]
    assert asked == ["one", "two"]


def test_it_is_loaded_by_its_name():
    assert Redactor.load(f"{__name__}:names").spans("Jane Doe", "English") == [Span(0, 8, "PERSON")]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("no_such_module:find", "no_such_module"),
        (f"{__name__}:nothing", "nothing"),
        (f"{__name__}", "attribute"),
        (f"{__name__}:NAMES", "not callable"),
        (f"{__name__}:fails", "ValueError"),
        (f"{__name__}:all_of_it", "is no part of the text"),
        (f"{__name__}:lower", "capital letters"),
        (":", "module"),
    ],
)
def test_one_of_no_use_is_refused_when_the_worker_starts(name, wrong):
    with pytest.raises(SettingsError, match=f"--asr-redactor {name}: .*{wrong}"):
        Redactor.load(name)
