"""Every option of the table is read, and refused by its name outside its range."""

import json
from typing import Any

import pytest

from common.options import OPTIONS, Kind, Option, SessionOptions
from gateway.protocols import fields, native
from gateway.protocols.api import ClientError, Request
from gateway.protocols.commands import Configure, Open
from gateway.protocols.native import NativeCodec
from gateway.protocols.options import readers, with_changes

EACH = pytest.mark.parametrize("option", OPTIONS.values(), ids=OPTIONS)


def read(option: Option, value: object) -> Any:
    return readers()[option.name](option.name, value)


def refusal(option: Option, value: object) -> str:
    with pytest.raises(ClientError) as caught:
        read(option, value)
    assert caught.value.code in ("invalid_option", "unknown_language")
    assert option.name in caught.value.message
    return caught.value.message


def good(option: Option) -> list[tuple[object, object]]:
    """Values at the ends of what is allowed, as JSON has them and as they are read."""
    match option.kind:
        case Kind.BOOL:
            return [(True, True), (False, False)]
        case Kind.INT:
            return [(int(end), int(end)) for end in (option.low, option.high)]
        case Kind.FLOAT:
            return [(end, float(end)) for end in (option.low, option.high)]
        case Kind.TEXT:
            # One option has a grammar.
            begun = "one_of " if option.name == "expect" else ""
            return [(text, text) for text in ("", begun.ljust(option.longest, "ü"))]
        case Kind.TEXTS:
            full = ["ü" * option.longest] * option.most
            return [([], ()), (full, tuple(full))]
        case Kind.LANGUAGE:
            return [("de", "German"), ("English", "English"), ("auto", None)]
        case Kind.LANGUAGES:
            return [([], ()), (["de", "EN", "German"], ("German", "English"))]
        case Kind.CHOICE:
            return [(each, each) for each in option.choices]
        case Kind.CHOICES:
            first, *_, last = option.choices
            return [([], ()), ([last, first, last], (first, last))]


def beyond(option: Option) -> list[tuple[object, str]]:
    """Values just outside, and what the error must tell."""
    match option.kind:
        case Kind.BOOL:
            return [(1, "true or false")]
        case Kind.INT | Kind.FLOAT:
            told = f"number from {option.low:g} to {option.high:g}"
            return [(option.low - 1, told), (option.high + 1, told), (True, told)]
        case Kind.TEXT:
            return [("a" * (option.longest + 1), f"at most {option.longest} characters")]
        case Kind.CHOICE:
            refused: tuple[object, ...] = ("", "other", None, [])
            return [(each, ", ".join(option.choices)) for each in refused]
        case Kind.CHOICES:
            refused = ("", ["other"], None, [1])
            return [(each, ", ".join(option.choices)) for each in refused]
        case Kind.TEXTS:
            told = f"at most {option.most} strings of 1 to {option.longest} characters"
            too_long, too_many = ["a" * (option.longest + 1)], ["a"] * (option.most + 1)
            return [(too_long, told), (too_many, told), ([""], told)]
        case Kind.LANGUAGE:
            return [("Klingonese", "unknown language 'Klingonese'")]
        case Kind.LANGUAGES:
            told = f"at most {option.most} names or ISO codes of languages"
            wrong: tuple[object, ...] = ("de", ["de", 1], ["auto"], [""], ["de"] * 101, None)
            unknown: tuple[object, str] = (["de", "Klingonese"], "unknown language 'Klingonese'")
            return [unknown, *((each, told) for each in wrong)]


@EACH
def test_an_option_is_read(option):
    for value, expected in good(option):
        found = read(option, value)
        assert (found, type(found)) == (expected, type(expected))


@EACH
def test_an_option_is_refused_outside_its_range_by_its_name(option):
    for value, told in beyond(option):
        assert told in refusal(option, value)


@EACH
def test_null_is_read_where_it_is_a_value(option):
    if option.nullable:
        assert read(option, None) is None
    else:
        refusal(option, None)


def test_where_null_is_a_value_the_refusal_says_so():
    told = refusal(OPTIONS["attenuation_limit"], 101)
    assert told == (
        "attenuation_limit must be a number from 0 to 100, not 101; null is allowed, too"
    )


def test_a_protocol_may_take_a_part_of_the_options():
    some = readers(("words", "language"))
    assert list(some) == ["words", "language"]
    with pytest.raises(ClientError) as caught:
        fields.read_fields(some, {"denoise": True})
    assert caught.value.code == "unknown_option"
    with pytest.raises(KeyError):
        readers(("word",))


def test_other_fields_change_no_option():
    given = {"words": True, "sample_rate": 8_000}
    assert with_changes(SessionOptions(), given) == SessionOptions(words=True)


def test_options_that_contradict_each_other_are_refused():
    with pytest.raises(ClientError) as caught:
        with_changes(SessionOptions(max_utterance=5), {"min_speech_duration": 5.0})
    assert caught.value.code == "invalid_option"
    for name in ("min_speech_duration", "max_utterance"):
        assert name in caught.value.message


AMONG = SessionOptions(languages=("Spanish", "English"))


@pytest.mark.parametrize(
    ("given", "language", "languages"),
    [
        ({"language": "German"}, "German", ()),
        ({"language": None}, None, AMONG.languages),
        ({"words": True}, None, AMONG.languages),
        ({"language": None, "languages": ("French",)}, None, ("French",)),
    ],
)
def test_a_language_that_is_told_takes_the_place_of_several(given, language, languages):
    changed = with_changes(AMONG, given)
    assert (changed.language, changed.languages) == (language, languages)


def test_a_language_that_is_none_of_several_in_its_message_is_refused():
    with pytest.raises(ClientError, match="is none of languages"):
        with_changes(SessionOptions(), {"language": "German", "languages": AMONG.languages})


@EACH
def test_the_native_protocol_lets_change_what_the_table_does(option):
    # `denoise` can only be switched in a call that was opened with it.
    opening = SessionOptions(max_utterance=300, denoise=True, language="English")
    codec = NativeCodec(opening, Request())
    (opened,) = codec.receive_text('{"type": "config"}')
    assert isinstance(opened, Open)
    now = getattr(opened.options, option.name)
    value, expected = next(each for each in good(option) if each[1] != now)
    message = json.dumps({"type": "config", option.name: value})
    if option.changeable:
        (command,) = codec.receive_text(message)
        assert isinstance(command, Configure)
        assert getattr(command.options, option.name) == expected
        return
    with pytest.raises(ClientError) as caught:
        codec.receive_text(message)
    assert (caught.value.code, caught.value.fatal) == ("option_fixed", False)
    assert option.name in caught.value.message


def test_a_message_holds_every_option_at_its_longest():
    config = {option.name: good(option)[-1][0] for option in OPTIONS.values()}
    del config["redact"]  # it contradicts `expect`, which is longer
    config["language"] = "English"  # secrets are known in some languages only
    message = json.dumps({"type": "config", **config})
    assert len(message) < native.MOST_TEXT
    NativeCodec(SessionOptions(), Request()).receive_text(message)
