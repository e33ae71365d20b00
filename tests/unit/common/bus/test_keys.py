"""Partitions that never move, legs that can be read back, and the table of what may stay."""

from binascii import crc_hqx

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.bus import keys
from common.bus.keys import Leg
from common.pipeline.streams import ALL, Lifetime

SESSIONS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("session", "number"),
    [("", 0), ("a", 7), ("123456789", 0x31C3 % 64), ("b7f2d1c0", 31)],
)
def test_a_session_stays_in_its_partition_for_ever(session, number):
    # 0x31C3 is the check value that defines CRC-16/XMODEM.
    assert crc_hqx(b"123456789", 0) == 0x31C3
    assert keys.partition(session) == number


@given(SESSIONS)
def test_all_keys_of_a_session_carry_one_tag(session):
    legs = [Leg(session, channel) for channel in (0, 1)]
    tag = b"{p%02d}" % keys.partition(session)
    found = [leg.key(kind) for leg in legs for kind in ("audio", "part:7", "ckpt:vad")]
    found += [leg.meta for leg in legs]
    assert all(key.startswith(b"cs:v2:" + tag + b":") for key in found)
    assert len(set(found)) == len(found) - 1, "only the meta hash is shared"
    assert {leg.doorbell for leg in legs} == {keys.partition(session) % keys.DOORBELLS}


@given(SESSIONS, st.integers(0, 99))
def test_a_leg_reads_back_what_it_writes(session, channel):
    leg = Leg(session, channel)
    assert Leg.parse(str(leg)) == leg
    assert Leg.parse(str(leg)).key("audio") == leg.key("audio")


@pytest.mark.parametrize("text", ["", "leg", ".0", "leg.", "leg.x", "leg.1.5x"])
def test_what_is_no_leg_is_refused(text):
    with pytest.raises(ValueError, match=r"leg|int"):
        Leg.parse(text)


@pytest.mark.parametrize("stream", ALL)
def test_what_is_permanent_is_what_the_table_says(stream):
    pattern = stream.pattern.replace("{pNN}", "{p07}")
    key = pattern.replace("<stage>", "vad").replace("<NN>", "07").encode()
    assert keys.is_permanent(key) is (stream.lifetime is Lifetime.PERMANENT)


def test_every_builder_is_in_the_table():
    leg = Leg("s", 0)
    permanent = [keys.work_items("vad"), keys.index("vad"), keys.workers("vad"), keys.dead("asr")]
    permanent += [keys.doorbell("asr", 3), keys.sessions(), keys.due("webhook"), keys.access()]
    permanent += [keys.sinks()]
    passing = [leg.meta, *map(leg.key, ("audio", "clean", "speech", "text", "parked", "part:1"))]
    passing += [
        leg.key("align:1"),
        leg.key("recorded"),
        leg.key("ckpt:vad"),
        keys.out("gateway-1"),
        keys.dead_contents("asr"),
        keys.calls("0123abcd"),
        keys.named("acme", "case 7"),
        keys.taken("webhook"),
        keys.erasure("s"),
        keys.spent("aGVsbG8"),
        keys.usage("acme", "2026-11-22"),
        keys.counted("acme", "s"),
        keys.session_key("s", "trace"),
    ]
    assert all(map(keys.is_permanent, permanent))
    assert not any(map(keys.is_permanent, passing))
    assert len(permanent) + len(passing) == len(ALL)


def test_names_do_not_mislead():
    assert keys.is_permanent(keys.work_items("punctuate")), "a stage whose name begins like a tag"
    assert not keys.is_permanent(keys.out("workers")), "a gateway that is named like a hash"
    assert not keys.is_permanent(Leg("work", 0).key("work"))
    assert not keys.is_permanent(b"cs:v99:{vad}:work"), "of another wire version"
    assert not keys.is_permanent(b"someone:else")
