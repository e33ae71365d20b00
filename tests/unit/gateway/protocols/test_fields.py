"""Readers of JSON fields: what they accept, and that they name what they refuse."""

from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocols import fields
from gateway.protocols.api import ClientError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
READERS = {
    "boolean": fields.boolean,
    "integer": fields.integer(1, 10),
    "number": fields.number(0, 1),
    "text": fields.text(5),
    "texts": fields.texts(2, 5),
    "one_of": fields.one_of((1, 2)),
    "subset_of": fields.subset_of(("a", "b")),
    "language": fields.language,
    "or_null": fields.or_null(fields.number(0, 1)),
}


@pytest.mark.parametrize(
    ("reader", "value", "read"),
    [
        ("boolean", False, False),
        ("integer", 10, 10),
        ("number", 0, 0.0),
        ("number", 1, 1.0),
        ("number", 0.01, 0.01),
        ("text", "", ""),
        ("text", "héé😀x", "héé😀x"),
        ("texts", ["a", "bb"], ("a", "bb")),
        ("texts", [], ()),
        ("one_of", 2, 2),
        ("subset_of", ["b", "b"], frozenset({"b"})),
        ("or_null", None, None),
        ("or_null", 1, 1.0),
        ("language", None, None),
        ("language", "auto", None),
        ("language", "", None),
        ("language", "de", "German"),
    ],
)
def test_reads(reader, value, read):
    result = READERS[reader](reader, value)
    assert result == read
    assert type(result) is type(read)


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        ("boolean", 1),
        ("boolean", None),
        ("boolean", "true"),
        ("or_null", 2),
        ("or_null", "null"),
        ("integer", True),
        ("integer", 2.0),
        ("integer", 0),
        ("integer", 10**400),
        ("number", True),
        ("number", "0.5"),
        ("number", 1.0001),
        ("number", float("inf")),
        ("number", -1),
        ("number", 10**400),
        ("text", "sixsix"),
        ("text", "\udc00"),
        ("texts", "ab"),
        ("texts", [""]),
        ("texts", ["a", 1]),
        ("texts", ["\ud83d"]),
        ("texts", ["a", "b", "c"]),
        ("one_of", True),
        ("one_of", 1.0),
        ("subset_of", ["c"]),
        ("subset_of", [["a"]]),
        ("subset_of", "a"),
        ("language", 5),
    ],
)
def test_refuses_and_names_the_field(reader, value):
    with pytest.raises(ClientError, match=r"^field must be ") as caught:
        READERS[reader]("field", value)
    assert caught.value.code == "invalid_option"
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    ("reader", "value", "told"),
    [
        (
            "texts",
            ["a", "b", "c"],
            "a list of at most 2 strings of 1 to 5 characters, not a list of 3",
        ),
        (
            "texts",
            ["a", ""],
            "a list of at most 2 strings of 1 to 5 characters, not a list with ''",
        ),
        (
            "texts",
            [["a"]],
            "a list of at most 2 strings of 1 to 5 characters, not a list with a list",
        ),
        ("subset_of", ["a", "c"], "a list of a, b, not a list with 'c'"),
        ("integer", 2.0, "a whole number from 1 to 10, not 2.0"),
        ("number", 1.0000000000001, "a number from 0 to 1, not 1.0000000000001"),
        ("one_of", 1.0, "one of 1, 2, not 1.0"),
        (
            "text",
            "\ud83d",
            "a string of at most 5 characters, "
            r"not '\ud83d', which is not Unicode",
        ),
    ],
)
def test_an_error_never_asks_for_what_it_got(reader, value, told):
    with pytest.raises(ClientError) as caught:
        READERS[reader]("field", value)
    assert caught.value.message == f"field must be {told}"


@pytest.mark.parametrize("text", ["", "AA==", "AA", "AAA", "AAA=", "AAAA", "+/+/"])
def test_base64_is_read_with_and_without_its_padding(text):
    assert fields.base64("field", text) == b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize("wrong", ["A", "AAAAA", "!!!!", "AA=A", "AA\n==", "-_-_", "\xe9", None, 7])
def test_what_is_no_base64_is_refused(wrong):
    with pytest.raises(ClientError, match=r"^field must be a string of base64.*, not ") as caught:
        fields.base64("field", wrong)
    assert caught.value.code == "invalid_audio"


@given(st.sampled_from(sorted(READERS)), JSON)
def test_any_json_is_read_or_refused(reader, value):
    error = None
    try:
        READERS[reader]("field", value)
    except ClientError as refused:
        error = refused
    assert error is None or (error.message.startswith("field") and error.message.isascii())


@pytest.mark.parametrize(
    "message",
    ["", "{", "nul", '{"a": NaN}', '{"a": -Infinity}', "[" * 100_000, "1" * 10_000, "\udc00"],
)
def test_what_is_not_json(message):
    with pytest.raises(ClientError) as caught:
        fields.parse_object(message)
    assert caught.value.code == "invalid_json"


@pytest.mark.parametrize("message", ["[]", "null", "true", '"config"', "3", "1e999"])
def test_what_is_no_object(message):
    with pytest.raises(ClientError, match="expected a JSON object") as caught:
        fields.parse_object(message)
    assert caught.value.code == "not_an_object"


def test_an_unknown_field_is_named_with_what_was_meant():
    with pytest.raises(ClientError, match="'numbr'; did you mean 'number'") as caught:
        fields.read_fields(READERS, {"numbr": 1})
    assert caught.value.code == "unknown_option"
