"""RESP, keys of commands, redirections."""

import hiredis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.redis.resp import (
    asking,
    command_at,
    encode,
    is_denied,
    is_known_id,
    is_passing,
    is_unfit,
    key_of,
    redirection,
)

MULTI, EXEC = ("MULTI",), ("EXEC",)


def test_commands_are_length_prefixed_so_any_bytes_are_safe():
    assert encode([("SET", b"a\r\n", "\N{EURO SIGN}")]) == (
        b"*3\r\n$3\r\nSET\r\n$3\r\na\r\n\r\n$3\r\n\xe2\x82\xac\r\n"
    )
    assert (
        encode([("X", 7), ("Y", 0.5)])
        == b"*2\r\n$1\r\nX\r\n$1\r\n7\r\n*2\r\n$1\r\nY\r\n$3\r\n0.5\r\n"
    )
    assert encode([]) == b""


@pytest.mark.parametrize(
    ("command", "key"),
    [
        (("SET", "k", "v"), b"k"),
        ((b"xadd", b"k", "1-1", "a", "b"), b"k"),
        (("XREAD", "COUNT", 16, "STREAMS", "k", "l", "0", "0"), b"k"),
        ((b"XREAD", b"BLOCK", 5, b"STREAMS", b"k", b"$"), b"k"),
        (("XREADGROUP", "GROUP", "g", "c", "COUNT", 1, "BLOCK", 9, "STREAMS", "k", ">"), b"k"),
        (("EVALSHA", "digest", 2, b"k", b"l", "x"), b"k"),
        (("EVAL", "return 1", 0), b""),
        (("XGROUP", "CREATE", "k", "g", "0", "MKSTREAM"), b"k"),
        (("XINFO", "STREAM", b"k"), b"k"),
        (("UNLINK", "k", "l"), b"k"),
        (("PING",), b""),
        (("EXEC",), b""),
    ],
)
def test_the_first_key_of_a_command(command, key):
    assert key_of(command) == key


def test_redirections():
    moved = hiredis.ReplyError("MOVED 3999 127.0.0.1:6381")
    assert redirection(moved) == ("MOVED", "127.0.0.1", 6381)
    assert redirection(hiredis.ReplyError("ASK 1 ::1:7000")) == ("ASK", "::1", 7000)
    assert redirection(hiredis.ReplyError("MOVED 1 :7000")) == ("MOVED", "", 7000)
    assert redirection(hiredis.ReplyError("ERR MOVED 1 h:1")) is None
    assert redirection(b"MOVED 3999 127.0.0.1:6381") is None


@pytest.mark.parametrize(
    ("reply", "passing"),
    [
        ("OOM command not allowed when used memory > 'maxmemory'.", True),
        ("LOADING Redis is loading the dataset in memory", True),
        ("EXECABORT Transaction discarded because of previous errors.", True),
        ("ERR OOM", False),
        ("WRONGTYPE Operation against a key", False),
        ("MOVED 3999 127.0.0.1:6381", False),
    ],
)
def test_a_refusal_that_passes_is_one_also_inside_a_transaction(reply, passing):
    refusal = hiredis.ReplyError(reply)
    assert is_passing(refusal) is passing
    assert is_passing([b"1-1", refusal, 1]) is passing
    assert is_passing([b"OK", [1, [refusal]]]) is passing
    assert not is_passing([b"1-1", 1, None, [], reply.encode()])


def test_the_refusal_of_an_id_that_is_not_new():
    known = "ERR The ID specified in XADD is equal or smaller than the target stream top item"
    assert is_known_id(hiredis.ReplyError(known))
    assert not is_known_id(
        hiredis.ReplyError("ERR The ID specified in XADD must be greater than 0-0")
    )


@pytest.mark.parametrize(
    ("reply", "unfit"),
    [
        ("READONLY You can't write against a read only replica.", True),
        ("LOADING Redis is loading the dataset in memory", True),
        ("MASTERDOWN Link with MASTER is down", True),
        ("EXECABORT Transaction discarded because of: READONLY You can't write", True),
        ("EXECABORT Transaction discarded because of previous errors.", False),
        ("OOM command not allowed", False),
        ("ERR READONLY", False),
    ],
)
def test_a_server_that_is_no_usable_master_says_so(reply, unfit):
    assert is_unfit(hiredis.ReplyError(reply)) is unfit
    assert not is_unfit(reply.encode())


@given(st.lists(st.lists(st.sampled_from([("A", "k"), ("B", "k", "v")]), max_size=3), max_size=4))
def test_asking_comes_before_each_command_and_once_before_a_transaction(groups):
    """Every second group is a transaction."""
    commands, expected, places = [], [], []
    for number, group in enumerate(groups):
        for place, command in enumerate([MULTI, *group, EXEC] if number % 2 else group):
            if place == 0 or not number % 2:
                expected.append(("ASKING",))
            places.append(len(expected))
            expected.append(command)
            commands.append(command)
    data, found = asking(encode(commands), len(commands))
    assert data == encode(expected)
    assert found == places


@pytest.mark.parametrize(
    "text",
    [
        "NOPERM User vad has no permissions to run the 'set' command",
        "ERR ACL failure in script: No permissions to access a key script: on @user_script:1.",
        "ERR The user executing the script can't run this command or subcommand script: 6e81",
    ],
)
def test_a_missing_right_is_told_from_other_refusals(text):
    assert is_denied(hiredis.ReplyError(text))
    assert not is_denied(hiredis.ReplyError("ERR no such key"))
    assert not is_passing(hiredis.ReplyError(text))


def test_a_command_is_found_by_its_place():
    data = encode([("MULTI",), ("SET", "k", b"\r\n"), ("EXEC",)])
    assert command_at(data, 1) == (b"SET", b"k", b"\r\n")


@pytest.mark.parametrize("number", [0, b"0", "0"])
def test_a_script_without_keys_has_no_key(number):
    assert key_of(("EVAL", "return 1", number)) == b""
