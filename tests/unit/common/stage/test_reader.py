"""Streams that several work items read: one read, each gets what lies after its own cursor."""

from typing import Any

from common.bus import wire
from common.bus.keys import Leg
from common.bus.reading import MOST_ENTRIES
from common.bus.wire import Chunk
from common.pipeline import streams
from common.pipeline.record import pack
from common.pipeline.speech import Paused, SpeechEntry
from common.pipeline.stream_ids import StreamId
from common.pipeline.text import Final
from common.stage.api import Assignment, Beside, Said, Slot
from common.stage.reader import read

LEG = Leg("s", 0)
AUDIO = LEG.key("audio")


class StreamLink:
    """XREAD over streams that lie in memory."""

    def __init__(self, streams):
        self.streams = streams
        self.keys_read = []

    def neighbours(self, partition: int) -> int:
        return partition

    async def insist(self, commands):
        return [self.xread(command) for command in commands]

    def xread(self, command):
        names = command[command.index(b"STREAMS") + 1 :]
        half = len(names) // 2
        found = []
        for key, after in zip(names[:half], names[half:], strict=True):
            self.keys_read.append(key)
            last = wire.id_halves(after)
            new = [e for e in self.streams.get(key, ()) if wire.id_halves(e[0]) > last]
            if new:
                found.append((key, new[:MOST_ENTRIES]))
        return found or None


def audio(*ends):
    return [(wire.entry_id(end, 1), [wire.AUDIO_FIELD, b"\0\0"]) for end in ends]


def slot(key, cursors):
    assignment: Assignment[Any] = Assignment(key, LEG, None, b"1-0", 1)
    return Slot(assignment, key, dict.fromkeys(cursors, streams.AUDIO), dict(cursors), wire.NOTHING)


async def ends_read(link, *slots):
    news, more, unreadable = await read(link, slots)
    assert not unreadable
    return {s.state: [e.end for e in entries if isinstance(e, Chunk)] for s, entries in news}, more


async def test_a_work_item_gets_what_is_new_and_then_nothing():
    link = StreamLink({AUDIO: audio(1, 2, 3)})
    only = slot("a", {AUDIO: b"1-1"})
    assert await ends_read(link, only) == ({"a": [2, 3]}, False)
    assert await ends_read(link, only) == ({}, False)


async def test_two_work_items_of_a_leg_each_get_their_own():
    link = StreamLink({AUDIO: audio(9, 10, 11, 100)})
    early, late = slot("early", {AUDIO: b"9-1"}), slot("late", {AUDIO: b"99-1"})
    assert await ends_read(link, late, early) == ({"early": [10, 11, 100], "late": [100]}, False)
    assert early.cursors == late.cursors == {AUDIO: b"100-1"}
    assert link.keys_read == [AUDIO], "one stream, one read"


async def test_one_that_is_behind_does_not_push_the_other_back():
    link = StreamLink({AUDIO: audio(*range(1, 1000))})
    behind, ahead = slot("behind", {AUDIO: b"0-0"}), slot("ahead", {AUDIO: b"900-1"})
    got: dict[str, list[int]] = {"behind": [], "ahead": []}
    more = True
    while more:
        ends, more = await ends_read(link, behind, ahead)
        for name, new in ends.items():
            got[name] += new
    assert got == {"behind": list(range(1, 1000)), "ahead": list(range(901, 1000))}


async def test_a_full_read_says_that_there_is_more():
    link = StreamLink({AUDIO: audio(*range(1, MOST_ENTRIES + 1))})
    _, more = await ends_read(link, slot("a", {AUDIO: b"0-0"}))
    assert more


async def test_an_entry_that_cannot_be_read_concerns_its_work_item_alone():
    other = Leg("t", 0)
    foreign = (b"2-2", [wire.CONTROL_FIELD, b"\x81\xa1v\x63"])  # version 99
    link: Any = StreamLink({AUDIO: audio(1, 2), other.key("audio"): [*audio(1, 2), foreign]})
    good = slot("good", {AUDIO: b"0-0"})
    key = other.key(streams.AUDIO)
    assignment: Assignment[Any] = Assignment("bad", other, None, b"2-0", 1)
    bad = Slot(assignment, "bad", {key: streams.AUDIO}, {key: b"0-0"}, wire.NOTHING)
    news, _, unreadable = await read(link, [good, bad])
    assert [(each.state, len(entries)) for each, entries in news] == [("good", 2)]
    assert [(each.state, str(error)) for each, error in unreadable] == [
        ("bad", "message of another wire version")
    ]


async def test_other_streams_of_a_call_tell_what_happens_around_a_work_item():
    other = Leg("s", 1)
    text, speech = LEG.key(streams.TEXT), other.key(streams.SPEECH)
    final = Final(start=0, end=9, at=9, text="hello", reason="silence")
    paused = SpeechEntry(StreamId(9, 0), (Paused(1, 0, 9, 9),))
    item = [wire.SEQ_FIELD, b"1", wire.BODY_FIELD, pack(final)]
    words = [wire.SEQ_FIELD, b"2", wire.UTTERANCE_FIELD, b"7"]
    marker, event = [wire.OWNER_FIELD, b"me"], [wire.BODY_FIELD, pack(paused)]
    link: Any = StreamLink(
        {
            text: [(b"7-1", item), (b"7-2", words)],
            speech: [(b"3-1", marker), (b"3-2", event)],
        }
    )
    own = slot("a", {})
    around = {text: (LEG, streams.TEXT), speech: (other, streams.SPEECH)}
    own = Slot(own.assignment, "a", around, dict.fromkeys(around, b"0-0"), wire.NOTHING)
    news, _, _ = await read(link, [own])
    assert [entries for _, entries in news] == [[Said(0, 7, final), Beside(1, paused)]]
    assert own.cursors == {text: b"7-2", speech: b"3-2"}
    assert own.is_due(set(), {own.assignment.entry})
    assert not own.is_due(set(), set())
