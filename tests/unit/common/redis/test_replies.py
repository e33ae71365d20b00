import pytest

from common.redis.replies import pairs


def test_names_and_values_come_in_turns():
    assert dict(pairs([b"a", b"1", b"b", b"2"])) == {b"a": b"1", b"b": b"2"}
    assert list(pairs([])) == []


def test_a_name_without_a_value_is_an_error():
    with pytest.raises(ValueError, match="shorter"):
        list(pairs([b"a", b"1", b"b"]))
