"""The parts of the link that need no socket: RESP, back-off, which refusals will pass."""

from itertools import islice

import hiredis
import pytest

from common.bus import link
from common.bus.address import Address
from common.bus.link import CommandRefused, Link, backoff, encode
from common.errors import BusUnavailable


def test_commands_are_length_prefixed_so_any_bytes_are_safe():
    assert encode([("SET", b"a\r\n", "\N{EURO SIGN}")]) == (
        b"*3\r\n$3\r\nSET\r\n$3\r\na\r\n\r\n$3\r\n\xe2\x82\xac\r\n"
    )
    assert (
        encode([("X", 7), ("Y", 0.5)])
        == b"*2\r\n$1\r\nX\r\n$1\r\n7\r\n*2\r\n$1\r\nY\r\n$3\r\n0.5\r\n"
    )
    assert encode([]) == b""


def test_pauses_double_from_50_ms_to_a_second_jittered_over_their_upper_half():
    for _ in range(50):
        pauses = list(islice(backoff(), 12))
        full = [min(0.05 * 2**n, 1.0) for n in range(12)]
        assert all(most / 2 <= pause <= most for pause, most in zip(pauses, full, strict=True))
    assert len({next(backoff()) for _ in range(20)}) > 1, "no two clients in step"


@pytest.mark.parametrize(
    ("refusal", "passing"),
    [
        ("OOM command not allowed when used memory > 'maxmemory'.", True),
        ("LOADING Redis is loading the dataset in memory", True),
        ("READONLY You can't write against a read only replica.", True),
        ("MISCONF Redis is configured to save RDB snapshots", True),
        ("BUSY Redis is busy running a script.", True),
        ("UNBLOCKED the stream key no longer exists", True),
        ("BUSYGROUP Consumer Group name already exists", False),
        ("NOGROUP No such key", False),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", False),
        ("NOPERM this user has no permissions", False),
        ("ERR unknown command", False),
    ],
)
def test_a_refusal_says_whether_it_will_pass(refusal, passing):
    refused = CommandRefused(("XADD", b"key"), hiredis.ReplyError(refusal))
    assert refused.passing is passing
    assert str(refused) == f"XADD: {refusal}"


async def test_before_connecting_nothing_can_be_sent():
    link_ = Link(Address(), "test")
    assert not link_.connected
    with pytest.raises(BusUnavailable, match="not connected"):
        await link_.run([("PING",)])
    assert await link_.run([]) == []
    await link_.close()


def test_the_reply_timeout_leaves_a_start_within_six_seconds():
    assert link.REPLY_TIMEOUT <= 5.5
