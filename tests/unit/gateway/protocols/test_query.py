"""The parameters of a request's URL."""

from collections.abc import Mapping

import pytest

from gateway.protocols.api import ClientError
from gateway.protocols.commands import Coding, Encoding
from gateway.protocols.query import flag, last, number, raw_encoding

ENCODINGS: Mapping[str, Encoding] = {"linear": "pcm16"}
CODINGS: Mapping[str, Coding] = {"": "any", "opus": "opus"}


def test_the_last_of_several_counts():
    assert (last({"a": ("1", "2")}, "a"), last({"a": ()}, "a"), last({}, "a")) == ("2", "", "")


@pytest.mark.parametrize(
    ("given", "found"), [("true", True), ("TRUE", True), ("1", True), ("0", False), ("", False)]
)
def test_a_flag_is_true_or_false(given, found):
    assert flag({"a": (given,)}, "a") is found


@pytest.mark.parametrize("given", ["yes", "on", "2", " true"])
def test_no_other_flag_is_read(given):
    with pytest.raises(ClientError, match="a must be true or false"):
        flag({"a": (given,)}, "a")


@pytest.mark.parametrize("given", ["", "0", "11", "1.0", " 5", "1_0", "٣", "1" * 20])
def test_a_number_is_whole_within_its_limits_and_in_our_digits(given):
    assert number({"a": ("10",)}, "a", 1, 10) == 10
    with pytest.raises(ClientError, match="a must be a whole number from 1 to 10"):
        number({"a": (given,)}, "a", 1, 10)


def test_raw_audio_has_one_of_the_encodings_and_tells_its_rate():
    told = {"sample_rate": ("8000",)}
    assert raw_encoding({**told, "encoding": ("linear",)}, ENCODINGS, CODINGS) == "pcm16"
    assert raw_encoding(told, ENCODINGS, CODINGS, "linear") == "pcm16"
    with pytest.raises(ClientError, match="sample_rate is missing"):
        raw_encoding({}, ENCODINGS, CODINGS, "linear")
    with pytest.raises(ClientError, match="encoding must be one of linear, opus, not 'opus'"):
        raw_encoding({**told, "encoding": ("opus",)}, ENCODINGS, CODINGS)
