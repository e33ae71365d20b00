"""Options that telephone systems send, often as text."""

import pytest

from common.options import Kind, SessionOptions
from gateway.protocols import fields, telephony
from gateway.protocols.api import ClientError
from gateway.protocols.commands import About, Digit


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("words", "true", True),
        ("words", "0", False),
        ("words", 1, True),
        ("words", False, False),
        ("unfixed_chunk_num", "3", 3),
        ("unfixed_chunk_num", 3.0, 3),
        ("vad_threshold", "0.25", 0.25),
        ("vad_threshold", 1, 1.0),
        ("keywords", "Ada, Grace Hopper ,", ("Ada", "Grace Hopper")),
        ("keywords", ["Ada"], ("Ada",)),
        ("keywords", ["Ada", ""], ("Ada",)),
        ("language", "en", "English"),
        ("language", "", None),
        ("context", "a, b", "a, b"),
        ("channel_labels", "agent,customer", ("agent", "customer")),
        ("conversation_id", "c-1", "c-1"),
    ],
)
def test_a_value_may_be_text(name, value, read):
    assert telephony.pick(telephony.READERS, {name: value}) == {name: read}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("words", "yes!"),
        ("words", 2),
        ("unfixed_chunk_num", "3.5"),
        ("unfixed_chunk_num", 3.5),
        ("unfixed_chunk_num", "9" * 5_000),
        ("vad_threshold", "nan"),
        ("vad_threshold", "1.5"),
        ("keywords", "," + "x" * 101),
        ("language", "Klingon"),
        ("conversation_id", "x" * 129),
        ("channel_labels", "a,b,c"),
    ],
)
def test_a_value_that_is_none_is_refused_by_name(name, value):
    with pytest.raises(ClientError) as caught:
        telephony.pick(telephony.READERS, {name: value})
    assert name in caught.value.message


def test_other_fields_and_empty_texts_are_left_out():
    given = {"crm_id": "7", "context": "", "words": "true"}
    assert telephony.pick(telephony.READERS, given) == {"words": True}


def test_terms_are_options_and_what_is_said_of_the_call():
    given = {"words": True, "conversation_id": "c", "channel_labels": ("a", "b")}
    options, about = telephony.terms(
        SessionOptions(language="German"), given, labels=("x", "y"), name="CA1"
    )
    assert options == SessionOptions(language="German", words=True)
    assert about == About(labels=("a", "b"), conversation="c", name="CA1")


def test_labels_have_defaults_or_none():
    assert telephony.terms(SessionOptions(), {}, labels=("x", "y"))[1].labels == ("x", "y")
    assert telephony.terms(SessionOptions(), {}, labels=("", ""))[1].labels == ()


def test_each_channel_has_a_label_or_none_has():
    with pytest.raises(ClientError, match="channel_labels must be as many") as caught:
        telephony.terms(SessionOptions(), {"channel_labels": ("a",)}, labels=("x", "y"))
    assert caught.value.code == "invalid_option"


def test_options_that_contradict_each_other_are_refused():
    with pytest.raises(ClientError, match="min_speech_duration"):
        telephony.terms(
            SessionOptions(), {"min_speech_duration": 40.0, "max_utterance": 30.0}, labels=("",)
        )


@pytest.mark.parametrize(("value", "shown"), [("5", "5"), ("#", "#"), ("a", "A")])
def test_a_digit_is_signalled(value, shown):
    assert telephony.digit(1, value) == Digit(1, shown)


@pytest.mark.parametrize("value", ["", "12", "x", 5, None])
def test_what_is_no_digit_is_refused(value):
    with pytest.raises(ClientError) as caught:
        telephony.digit(0, value)
    assert (caught.value.code, caught.value.fatal) == ("invalid_digit", False)


@pytest.mark.parametrize(
    ("error", "close_code"),
    [
        (ClientError("invalid_json", "x"), 1007),
        (ClientError("other", "x"), 1008),
        (ClientError("other", "x", close_code=1009), 1009),
    ],
)
def test_an_error_becomes_fatal(error, close_code):
    assert fields.fatal(error).close_code == close_code


def test_a_reason_fits_a_close_frame():
    assert telephony.reason("short") == "short"
    long = telephony.reason("\N{GRINNING FACE}" * 40)
    assert len(long.encode()) <= 123
    assert long == "\N{GRINNING FACE}" * 30


def test_a_reader_may_be_loose_about_one_kind_only():
    read = telephony.loose(Kind.INT, fields.integer(0, 9))
    assert read("x", "7") == 7
    with pytest.raises(ClientError):
        read("x", True)
