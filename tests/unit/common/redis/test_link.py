"""The parts of the link that need no socket."""

import hiredis
import pytest

from common.errors import BusUnavailable
from common.redis.address import Address
from common.redis.connection import REPLY_TIMEOUT
from common.redis.link import CommandRefused, Link


@pytest.mark.parametrize(
    ("refusal", "passing"),
    [
        ("OOM command not allowed when used memory > 'maxmemory'.", True),
        ("LOADING Redis is loading the dataset in memory", True),
        ("READONLY You can't write against a read only replica.", True),
        ("MISCONF Redis is configured to save RDB snapshots", True),
        ("BUSY Redis is busy running a script.", True),
        ("UNBLOCKED the stream key no longer exists", True),
        ("EXECABORT Transaction discarded because of previous errors.", True),
        ("CLUSTERDOWN The cluster is down", True),
        ("TRYAGAIN Multiple keys request during rehashing of slot", True),
        ("MOVED 1 127.0.0.1:7000", False),
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
    assert REPLY_TIMEOUT <= 5.5
