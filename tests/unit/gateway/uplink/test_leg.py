"""One leg's commands: what is written, once, in order, and again after Redis lost it."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.bus import keys, scripts, wire
from common.bus.keys import Leg
from common.bus.wire import StreamId
from common.options import SessionOptions
from common.pipeline.control import COMMAND, Configure, End, Flush
from gateway.uplink.leg import LegUplink
from gateway.uplink.marks import Marks
from tests.unit.gateway.stand_ins import commands

LEG = Leg("s", 1)
CONFIGURE = Configure(SessionOptions(words=True))
SECOND = bytes(32_000)


def uplink(
    start: int = 0,
    last: StreamId = wire.NOTHING,
    told: list[str] | None = None,
    came: Callable[[int], float | None] = lambda _: None,
    recorded: bool | None = None,
) -> LegUplink:
    heard: list[str] = [] if told is None else told
    return LegUplink(
        *(LEG, "owner"),
        start=start,
        last=last,
        stored=Marks(start),
        came=came,
        on_written=lambda: heard.append("written"),
        on_superseded=lambda: heard.append("superseded"),
        on_deleted=lambda: heard.append("deleted"),
        recorded=recorded,
    )


def taken(leg: LegUplink) -> list[list[bytes]]:
    """Take what is written next, as commands, as many as the part says."""
    part = leg.dequeue()
    if part is None:
        return []
    key, data, count = part
    assert key == LEG.key("audio")
    decoded = commands(data)
    assert len(decoded) == count
    return decoded


def written(leg: LegUplink) -> list[list[bytes]]:
    """Write what is next; return it as commands."""
    decoded = taken(leg)
    if decoded:
        leg.settle(owned=True, now=0.0)
    return decoded


def entry(command: list[bytes]) -> tuple[str, Any] | None:
    """Return (id, audio) or (id, control's type) of a command that writes either."""
    if command[0] == b"XADD":
        name, field, audio = command[-3:]
        assert field == wire.AUDIO_FIELD
        return name.decode(), audio
    if command[0] == b"EVAL":
        position, order, body = command[6:9]
        return f"{int(position)}-{int(order)}", COMMAND.unpack(body).t
    return None


def entries(leg: LegUplink) -> list[tuple[str, Any]]:
    """Write all that waits; return it as (id, audio) and (id, control's type)."""
    found: list[tuple[str, Any]] = []
    while commands := written(leg):
        found += [each for command in commands if (each := entry(command))]
    return found


@pytest.fixture
def leg() -> LegUplink:
    return uplink()


def test_audio_of_a_tick_is_one_entry_named_by_where_it_ends(leg):
    leg.audio(b"\x01\x00" * 100)
    leg.audio(b"\x02\x00" * 60)
    assert entries(leg) == [("160-1", b"\x01\x00" * 100 + b"\x02\x00" * 60)]
    leg.audio(b"\x03\x00" * 40)
    assert entries(leg) == [("200-1", b"\x03\x00" * 40)]
    assert leg.position == 200


def test_a_long_upload_is_cut_into_entries_of_a_quarter_of_a_second(leg):
    leg.audio(SECOND + bytes(2))
    assert [(i, len(data)) for i, data in entries(leg)] == [
        *((f"{end}-1", 8_000) for end in (4_000, 8_000, 12_000, 16_000)),
        ("16001-1", 2),
    ]


def test_of_a_long_upload_two_seconds_are_written_at_a_time(leg):
    """Other legs' audio is written in between."""
    leg.audio(bytes(2))
    written(leg)
    for _ in range(5):
        leg.audio(SECOND)
    ends = [[int(c[-3].split(b"-")[0]) for c in written(leg) if c[0] == b"XADD"] for _ in range(4)]
    assert [each[-1] if each else None for each in ends] == [32_001, 64_001, 80_001, None]


def test_controls_follow_the_audio_before_them_each_with_its_order(leg):
    leg.audio(bytes(200))
    leg.control(Flush())
    leg.control(CONFIGURE)
    leg.audio(bytes(20))
    leg.control(End())
    found = entries(leg)
    assert [i for i, _ in found] == ["100-1", "100-2", "100-3", "110-1", "110-2"]
    assert [what for _, what in found if isinstance(what, str)] == ["flush", "config", "end"]


def test_controls_at_one_place_keep_counting_over_ticks(leg):
    leg.control(Flush())
    assert entries(leg) == [("0-2", "flush")]
    leg.control(End())
    assert entries(leg) == [("0-3", "end")]


def test_a_control_carries_all_that_its_script_needs(leg):
    leg.audio(bytes(200))
    leg.control(CONFIGURE, ordinal=3, ends=True, options=b"packed")
    (command,) = [command for command in taken(leg) if command[0] == b"EVAL"]
    assert command[1].decode() == scripts.CONTROL.source
    assert command[2:5] == [b"2", LEG.key("audio"), LEG.meta]
    owner, position, order, packed, *rest = command[5:]
    assert (owner, position, order) == (b"owner", b"100", b"2")
    assert COMMAND.unpack(packed) == CONFIGURE
    assert rest == [b"1", b"3", b"1", b"packed"]


def test_several_commands_are_one_transaction(leg):
    leg.audio(bytes(2))
    first = written(leg)
    assert [c[0] for c in first] == [b"MULTI", b"XADD", b"EXPIRE", b"EXEC"]
    leg.audio(bytes(2))
    assert [c[0] for c in written(leg)] == [b"XADD"]
    leg.audio(bytes(2))
    leg.control(Flush())
    assert [c[0] for c in written(leg)] == [b"MULTI", b"XADD", b"EVAL", b"EXEC"]


def test_a_control_ends_a_transaction_for_it_may_be_refused(leg):
    leg.audio(bytes(2))
    leg.control(Flush())
    leg.control(CONFIGURE)
    leg.audio(bytes(2))
    leg.audio(SECOND)
    kinds = [[c[0] for c in written(leg)] for _ in range(4)]
    assert kinds == [
        [b"MULTI", b"XADD", b"EVAL", b"EXPIRE", b"EXEC"],
        [b"EVAL"],
        [b"MULTI", *[b"XADD"] * 5, b"EXEC"],
        [],
    ]


def test_more_is_to_be_taken_until_all_is_written(leg):
    leg.control(Flush())
    leg.audio(bytes(2))
    taken(leg)
    assert leg.settle(owned=True, now=0.0)
    taken(leg)
    assert not leg.settle(owned=True, now=0.0)
    assert leg.dequeue() is None


def test_behind_a_control_that_is_refused_nothing_is_written():
    """The next owner's control would come too late."""
    told: list[str] = []
    leg = uplink(told=told)
    leg.control(Flush())
    leg.audio(bytes(2))
    taken(leg)
    assert not leg.settle(owned=False, now=0.0)
    assert told == ["superseded"]
    assert leg.dequeue() is None
    leg.audio(bytes(2))
    leg.rewind(wire.NOTHING)
    assert leg.dequeue() is None


def test_what_may_not_have_arrived_is_taken_again(leg):
    leg.audio(bytes(20))
    leg.control(Flush())
    first = taken(leg)
    leg.audio(bytes(4))
    leg.put_back()
    assert leg.written == 0
    assert taken(leg) == first
    leg.settle(owned=True, now=0.0)
    assert leg.written == 10
    assert [i for i, _ in entries(leg)] == ["12-1"]
    assert leg.waiting == 0


def test_the_stream_gets_its_ttl_with_the_first_entry(leg):
    leg.audio(bytes(2))
    assert written(leg)[-2] == [b"EXPIRE", LEG.key("audio"), b"%d" % keys.SESSION_TTL]
    leg.audio(bytes(2))
    assert [c[0] for c in written(leg)] == [b"XADD"]


def heads(leg: LegUplink) -> list[list[bytes]]:
    """Write all; return what stands before the id in each command that writes audio."""
    found = []
    while commands := written(leg):
        found += [command[1:-3] for command in commands if command[0] == b"XADD"]
    return found


def test_only_the_first_write_may_make_the_stream(leg):
    """A late write for a call that is over would recreate its stream for ever."""
    may, may_not = [LEG.key("audio")], [LEG.key("audio"), b"NOMKSTREAM"]
    leg.audio(SECOND)
    assert heads(leg) == [may] * 4
    leg.audio(bytes(2))
    leg.control(Flush())
    leg.audio(bytes(2))
    assert heads(leg) == [may_not, may_not]
    # A Redis that came back with older data may have lost the stream as well.
    leg.rewind(wire.NOTHING)
    taken(leg)
    leg.put_back()
    # Up to the control, which ends the write.
    assert heads(leg) == [may] * 5 + [may_not]
    leg.audio(bytes(2))
    assert heads(leg) == [may_not]


def test_a_stream_of_which_nothing_was_lost_but_itself_may_be_made_again(leg):
    leg.audio(bytes(2))
    written(leg)
    assert leg.rewind(StreamId(1, wire.AUDIO_ORDER)) == 0
    leg.audio(bytes(2))
    assert heads(leg) == [[LEG.key("audio")]]


def test_nothing_waiting_is_no_command(leg):
    assert leg.dequeue() is None


def test_controls_count_as_waiting_too(leg):
    leg.audio(bytes(100))
    assert leg.waiting == 100
    leg.control(Flush())
    assert leg.waiting > 100


# --- a leg that is resumed ---


def test_a_resumed_leg_writes_nothing_that_redis_has():
    leg = uplink(start=100, last=StreamId(160, 1))
    assert leg.written == 160
    leg.audio(b"\x01\x00" * 40)
    assert leg.dequeue() is None
    assert (leg.position, leg.waiting) == (140, 0)
    leg.audio(b"\x02\x00" * 20 + b"\x03\x00" * 10)
    assert entries(leg) == [("170-1", b"\x03\x00" * 10)]
    leg.audio(b"\x04\x00")
    assert entries(leg) == [("171-1", b"\x04\x00")]


@given(
    st.binary(min_size=2, max_size=400).map(lambda data: data[: len(data) // 2 * 2]),
    st.data(),
)
def test_whatever_was_held_and_however_the_rest_comes_the_stream_is_whole(audio, data):
    samples = len(audio) // 2
    held = data.draw(st.integers(0, samples), "held")
    start = data.draw(st.integers(0, held), "start")
    sizes = data.draw(st.lists(st.integers(0, 50), max_size=12), "sizes")
    leg = uplink(start=start, last=StreamId(held, wire.AUDIO_ORDER))
    stream = audio[: 2 * held]
    at = start
    for size in [*sizes, samples]:
        leg.audio(audio[2 * at : 2 * (at + size)])
        at = min(samples, at + size)
        for entry, pcm in entries(leg):
            assert isinstance(pcm, bytes)
            stream += pcm
            assert entry == f"{len(stream) // 2}-1"
    assert stream == audio
    assert leg.position == samples


def test_a_control_before_what_is_held_is_written_where_the_client_put_it():
    # The script finds its place after the audio in Redis.
    leg = uplink(start=100, last=StreamId(160, 1))
    leg.audio(bytes(40))
    leg.control(Flush(), ordinal=1)
    leg.audio(bytes(120))
    assert [i for i, _ in entries(leg)] == ["120-2", "180-1"]


# --- a Redis that came back with older data ---


def test_what_redis_lost_is_written_again_in_its_order():
    leg = uplink()
    leg.audio(bytes(200))
    assert [i for i, _ in entries(leg)] == ["100-1"]
    leg.control(Flush(), ordinal=1)
    leg.audio(bytes(200))
    assert [i for i, _ in entries(leg)] == ["100-2", "200-1"]
    assert leg.written == 200
    leg.audio(bytes(20))
    assert leg.rewind(StreamId(100, 1)) == 100
    leg.audio(bytes(20))
    found = entries(leg)
    assert [i for i, _ in found] == ["100-2", "200-1", "220-1"]
    assert found[0][1] == "flush"
    # What is written again may be lost again.
    assert leg.rewind(wire.NOTHING) == 220
    assert [i for i, _ in entries(leg)] == ["100-1", "100-2", "200-1", "220-1"]


def test_what_waits_stays_behind_what_is_repeated():
    leg = uplink()
    leg.audio(bytes(200))
    written(leg)
    leg.audio(bytes(20))
    leg.control(Flush())
    taken(leg)
    leg.put_back()
    leg.rewind(wire.NOTHING)
    assert [i for i, _ in entries(leg)] == ["100-1", "110-1", "110-2"]


def test_it_gets_its_ttl_again():
    leg = uplink()
    leg.audio(bytes(2))
    written(leg)
    leg.rewind(wire.NOTHING)
    assert [c[0] for c in written(leg)] == [b"MULTI", b"XADD", b"EXPIRE", b"EXEC"]


def test_what_redis_still_has_is_not_repeated():
    leg = uplink()
    leg.audio(bytes(200))
    written(leg)
    assert leg.rewind(StreamId(100, 1)) == 0
    assert leg.rewind(StreamId(500, 1)) == 0
    assert leg.dequeue() is None
    assert leg.waiting == 0


def test_no_more_than_some_seconds_are_kept_to_be_repeated():
    leg = uplink()
    for _ in range(20):
        leg.audio(SECOND)
        written(leg)
    leg.rewind(wire.NOTHING)
    again = [int(i.split("-")[0]) for i, _ in entries(leg)]
    assert again[-1] == 20 * 16_000
    assert again == sorted(again)
    assert 16 * 16_000 <= again[0] <= 17.5 * 16_000


def test_an_hour_of_controls_without_audio_keeps_those_of_three_seconds(leg):
    leg.audio(SECOND)
    written(leg)
    for tick in range(3600 * 40):
        leg.control(Flush(), ordinal=tick + 1)
        leg.dequeue()
        leg.settle(owned=True, now=tick / 40)
        assert len(leg._recent) <= 5 + 40 * 3.1
    leg.rewind(wire.NOTHING)
    again = entries(leg)
    assert 40 * 3 <= len(again) <= 5 + 40 * 3.1
    assert again[-1] == (f"16000-{3600 * 40 + 1}", "flush")


def test_what_redis_may_lose_is_kept_however_long_this_process_was_stopped(leg):
    """Redis answers and dies; the answer is read ten seconds later, and then it is back."""
    for number, now in ((1, 0.0), (2, 1.0), (3, 11.0)):
        leg.control(Flush(), ordinal=number)
        taken(leg)
        leg.settle(owned=True, now=now)
    leg.rewind(wire.NOTHING)
    assert [i for i, _ in entries(leg)] == ["0-2", "0-3", "0-4"]


@pytest.mark.parametrize("lost_first", [False, True])
def test_a_control_is_written_once_whether_redis_comes_back_before_or_after_it(leg, lost_first):
    leg.audio(bytes(200))
    written(leg)
    steps = [lambda: leg.rewind(StreamId(100, 1)), lambda: leg.control(Flush(), ordinal=1)]
    for step in steps if lost_first else reversed(steps):
        step()
    assert [i for i, _ in entries(leg)] == ["100-2"]


def test_what_is_repeated_waits_like_what_is_new():
    leg = uplink()
    leg.audio(bytes(200))
    written(leg)
    assert leg.waiting == 0
    leg.rewind(wire.NOTHING)
    assert leg.waiting == 200


def test_what_was_just_written_is_kept_however_much_waits_behind_it():
    leg = uplink()
    leg.audio(bytes(200))
    leg.control(Flush())
    for _ in range(10):
        leg.audio(SECOND)
    assert [c[0] for c in written(leg)] == [b"MULTI", b"XADD", b"EVAL", b"EXPIRE", b"EXEC"]
    assert leg.rewind(wire.NOTHING) == 100
    assert [i for i, _ in entries(leg)][:3] == ["100-1", "100-2", "4100-1"]


def stamps(leg: LegUplink, count: int, samples: int = 1600) -> list[float | None]:
    """Write entries; return what each says of when it came."""
    found: list[float | None] = []
    for _ in range(count):
        leg.audio(bytes(2 * samples))
        for command in written(leg):
            if command[0] == b"XADD":
                stamped = command[-2] == wire.CAME_FIELD
                found.append(wire.read_came(command[-1]) if stamped else None)
    return found


def test_a_few_entries_a_second_say_when_their_audio_came():
    leg = uplink(came=lambda position: position / 16_000)
    assert stamps(leg, 7) == [None, None, 0.3, None, None, 0.6, None]


def test_audio_that_is_not_live_says_nothing_until_it_is():
    live = [False]
    leg = uplink(came=lambda position: position / 16_000 if live[0] else None)
    assert stamps(leg, 4) == [None] * 4
    live[0] = True
    assert stamps(leg, 2) == [0.5, None]


def test_a_stamp_that_may_not_have_arrived_is_given_again():
    leg = uplink(came=lambda position: position / 16_000)
    assert stamps(leg, 2) == [None, None]
    leg.audio(bytes(3200))
    (first,) = taken(leg)
    leg.put_back()
    (second,) = taken(leg)
    assert first == second
    assert first[-2] == wire.CAME_FIELD


RECORDED = LEG.key("recorded")


def recorded(written: list[list[bytes]]) -> list[bytes]:
    """Return the ids of what is recorded; each comes before the same audio."""
    appended = [each for each in written if each[0] == b"XADD"]
    ids = []
    for first, second in pairwise(appended):
        if first[1] == RECORDED and b"NOMKSTREAM" in first:
            assert second[1] == LEG.key("audio")
            assert first[-3:] == second[-3:]
            ids.append(first[3])
    return ids


def test_what_is_recorded_is_written_before_in_one_transaction():
    leg = uplink(recorded=True)
    leg.audio(SECOND[:640])
    first = written(leg)
    assert (first[0], first[-1]) == ([b"MULTI"], [b"EXEC"])
    assert [b"XADD", RECORDED, b"0-1", b"a", b""] in first
    assert [b"EXPIRE", RECORDED, b"%d" % keys.SESSION_TTL] in first
    assert recorded(first) == [b"320-1"]
    leg.audio(SECOND[:640])
    assert recorded(written(leg)) == [b"640-1"]


def test_nothing_is_recorded_in_a_pause():
    leg = uplink(recorded=True)
    leg.audio(SECOND[:640])
    leg.record(False)
    leg.audio(SECOND[:640])
    leg.record(True)
    leg.record(True)
    leg.audio(SECOND[:640])
    assert recorded(written(leg)) == [b"320-1", b"960-1"]
    leg.rewind(wire.NOTHING)
    assert recorded(written(leg)) == [b"320-1", b"960-1"], "written again it is the same"


def test_a_leg_that_is_not_recorded_has_no_recording():
    leg = uplink()
    leg.record(True)
    leg.audio(SECOND[:640])
    assert not any(RECORDED in command for command in written(leg))


def test_switches_are_forgotten_with_what_may_be_written_again():
    leg = uplink(recorded=True)
    for on in [False, True] * 20:
        leg.audio(SECOND)
        written(leg)
        leg.record(on)
    assert len(leg._switched) < 6
