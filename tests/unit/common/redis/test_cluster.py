"""Slots of keys, and the map as nodes tell it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.bus import keys
from common.bus.keys import Leg
from common.redis.cluster import slot_of
from common.redis.topology import SLOTS, read_map


@pytest.mark.parametrize(
    ("key", "same"),
    [
        (b"{user1000}.following", b"user1000"),
        (b"foo{}{bar}", b"foo{}{bar}"),
        (b"foo{{bar}}zap", b"{bar"),
        (b"foo{bar}{zap}", b"bar"),
        (b"foo{bar", b"foo{bar"),
    ],
)
def test_the_examples_of_the_specification(key, same):
    # Appendix and "Hash tags" of the Redis Cluster specification.
    assert slot_of(b"123456789") == 0x31C3
    assert slot_of(key) == slot_of(b"{" + same + b"}x" if b"{" not in same else key)
    assert 0 <= slot_of(key) < SLOTS


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
def test_what_one_command_touches_shares_a_slot(session):
    legs = [Leg(session, channel) for channel in (0, 1)]
    touched = [leg.key(kind) for leg in legs for kind in ("audio", "text", "parked", "part:3")]
    assert len({slot_of(key) for key in [*touched, legs[0].meta]}) == 1
    doorbells = [keys.doorbell("asr", number) for number in range(keys.DOORBELLS)]
    assert (
        len({*map(slot_of, doorbells), slot_of(keys.work_items("asr")), slot_of(keys.index("asr"))})
        == 1
    )


def test_the_partitions_lie_on_all_of_three_nodes():
    slots = [slot_of(b"{p%02d}" % number) for number in range(keys.PARTITIONS)]
    shares = [sum(slot * 3 // SLOTS == node for slot in slots) for node in range(3)]
    assert min(shares) > 15, shares


def test_a_map_is_read():
    reply = [
        [0, 8191, [b"10.0.0.1", 7000, b"id"], [b"10.0.0.2", 7001, b"id", [b"hostname", b"x"]]],
        [8192, 16000, [b"", 7002, b"id"]],
        [16001, 16382, [b"?", 7003, b"id"]],
    ]
    slots, known = read_map(reply, "asked")
    assert slots[0] == slots[8191] == ("10.0.0.1", 7000)
    assert slots[8192] == slots[16000] == ("asked", 7002), "it does not know its own address"
    assert slots[16001:] == [None] * 383
    assert len(slots) == SLOTS
    assert known == {("10.0.0.1", 7000), ("10.0.0.2", 7001), ("asked", 7002)}
