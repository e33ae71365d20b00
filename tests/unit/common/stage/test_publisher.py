"""What a refused write means, and which effects become writes at all."""

import time
from dataclasses import replace
from typing import Any

import hiredis
import pytest

from common.bus import keys, scripts, wire
from common.bus.clock import Clock
from common.bus.doorbells import CALL
from common.bus.keys import Leg
from common.bus.wire import Control, StreamId
from common.errors import Misuse
from common.options import SessionOptions
from common.pipeline.control import Flush
from common.pipeline.partial import PartialText
from common.pipeline.progress import Progress
from common.pipeline.record import pack
from common.pipeline.speech import SpeechEntry
from common.pipeline.streams import SPEECH, Ids, Lifetime, Stream
from common.pipeline.text import WORDS, Final, Words
from common.pipeline.work import UTTERANCE_WORK, UtteranceWork
from common.stage.api import (
    Assignment,
    Attach,
    Audio,
    Commit,
    DeadLetter,
    Done,
    Emit,
    Fail,
    Offer,
    Relay,
    Show,
    Slot,
    Snapshot,
)
from common.stage.publisher import Publisher

STALE = hiredis.ReplyError(
    "ERR The ID specified in XADD is equal or smaller than the target stream top item"
)
LEG = Leg("s", 0)
TEXT = PartialText(0, 320, "hi", 0, None)
FINAL = Final.empty(320, "flush")
WORK = UtteranceWork(
    utterance=3,
    start=0,
    source="audio",
    gateway="gw",
    options=SessionOptions(),
    live=True,
)
SNAPSHOT = Snapshot(b"state", Progress(StreamId(320, 1)), 0, {})


def decoded(data):
    """Return the commands of a RESP request."""
    reader = hiredis.Reader()
    reader.feed(data)
    commands = []
    while (command := reader.gets()) is not False:
        commands.append(tuple(command))
    return commands


class ScriptedLink:
    """Answers writes as told; everything else succeeds. Remembers what it was asked."""

    def __init__(self, replies=(), *, repeated=False, tops=(), in_order=True):
        self.in_order = in_order
        self.replies = list(replies)
        self.repeated = repeated
        self.tops = list(tops)
        self.writes = []
        self.hints = []
        """The notifications that went with the writes."""
        self.scripts = []
        self.others = []
        self.generation = 0

    async def insist_parts(self, parts, *, generation):
        """Answer as Redis would: transactions by their EXEC."""
        scripted = iter(self.replies)
        replies: list[Any] = []
        for key, data, count in parts:
            commands = decoded(data)
            assert len(commands) == count
            if not key:
                self.hints += commands
                replies += [b"1-1"] * count
                continue
            assert all(command[1] == key for command in commands if len(command) > 1)
            self.writes += commands
            writes = [next(scripted, b"1-1") for c in commands if c[0] == b"XADD"]
            if len(writes) > 1:
                replies += [b"OK", *[b"QUEUED"] * len(writes), writes]
            else:
                replies += writes
            replies += [1 for c in commands if c[0] == b"EXPIRE"]
        return replies, self.repeated

    async def insist(self, commands):
        if commands[0][0] == "XREVRANGE":
            return [[(top, [b"p", b""])] if top else [] for top in self.tops]
        self.others += commands
        return [b"OK"] * len(commands)

    async def evaluate(self, calls, then=(), *, generation):
        self.scripts += calls
        self.others += then
        return [1] * len(calls)


def slot(epoch=5, emitted=wire.NOTHING):
    return Slot(Assignment("s.0", LEG, None, b"1-0", epoch, b"raw"), object(), {}, {}, emitted)


def emit(position, order=0):
    return Emit(SPEECH, SpeechEntry(StreamId(position, order), ()), wake=("asr",), notify="gw")


def publisher(link: Any, clock: Clock | None = None) -> Publisher[Any]:
    clock = clock or Clock()
    return Publisher(link, "toy", "worker", clock)


async def fenced(link, effects, **given):
    owned = slot(**given)
    return owned in (await publisher(link).publish([(owned, effects)])).fenced


async def test_effects_become_the_commands_they_stand_for():
    link = ScriptedLink()
    effects = [
        emit(512),
        Audio(320, b"\0\0" * 320),
        Relay(Control(320, 2, Flush())),
        Show(3, TEXT, "gw"),
        Offer("asr", "s.0/3", WORK),
        Commit(3, FINAL, "gw"),
        Done(),
    ]
    # Positions of the speech and of the clean stream are never written by the same stage.
    assert not await fenced(link, effects[:1] + effects[3:])
    assert not await fenced(link, effects[1:3])
    written = [c for c in link.writes if c[0] == b"XADD"]
    assert [(c[1], next(each for each in c if b"-" in each)) for c in written] == [
        (LEG.key("speech"), b"5-2"),
        (LEG.key("part:3"), b"5-3"),
        (LEG.key("clean"), b"320-1"),
        (LEG.key("clean"), b"320-2"),
    ]
    assert len(link.scripts) == 2
    assert [(c[1], c[c.index(b"*") + 1 :]) for c in link.hints] == [
        (keys.doorbell("asr", LEG.doorbell), (b"s.0", b"speech")),
        (keys.out("gw"), (b"s.0", b"speech", b"s.0", b"part:3")),
    ]
    assert [c[c.index("*") + 1 :] for c in link.others] == [("s.0", "text")]


async def test_only_the_owners_marker_makes_an_epoch_stream():
    link = ScriptedLink()
    await fenced(link, [emit(512), Show(1, TEXT, "gw")])
    assert all(b"NOMKSTREAM" in command for command in link.writes)
    await publisher(link).save([(slot(), LEG.key("ckpt:x"), SNAPSHOT)])
    assert b"NOMKSTREAM" in link.writes[-1]
    assert link.writes[-1][-4:] == (b"p", b"state", b"h", pack(SNAPSHOT.progress))


async def test_a_stream_of_positions_gets_a_ttl_with_its_first_entry():
    link = ScriptedLink()
    await fenced(link, [Audio(160, b"\0\0"), Audio(320, b"\0\0")])
    assert link.writes[-1] == (b"EXPIRE", LEG.key("clean"), b"%d" % keys.SESSION_TTL, b"NX")
    assert [command[0] for command in link.writes].count(b"EXPIRE") == 1


async def test_clean_audio_says_who_has_denoised_it_and_when():
    link, before = ScriptedLink(), time.time()
    owned = Slot(
        Assignment("s.0", LEG, None, b"1-0", 5, b"raw", "me"), object(), {}, {}, wire.NOTHING
    )
    await publisher(link).publish([(owned, [Audio(160, b"ab")])])
    (command,) = [each for each in link.writes if each[0] == b"XADD"]
    fields = list(command[-4:])
    assert fields[:3] == [wire.AUDIO_FIELD, b"ab", wire.DENOISED_FIELD]
    at, worker = wire.read_denoised(fields[3])
    assert before - 1e-6 <= at <= time.time() + 1e-6
    assert worker == "me"


async def test_words_are_attached_after_the_commit_and_ring_for_the_text():
    link = ScriptedLink()
    words = Words(None, "why")
    effects = [Commit(3, FINAL, "gw"), Attach(3, "digest", words, "gw"), Done()]
    assert not await fenced(link, effects)
    assert [call[0] for call in link.scripts] == [scripts.COMMIT, scripts.ATTACH]
    _, names, (number, digest, packed, ttl) = link.scripts[1]
    assert names == (LEG.key("text"), LEG.key("parked"), LEG.meta)
    assert (number, digest, ttl) == (3, "digest", keys.SESSION_TTL)
    assert WORDS.unpack(packed) == words
    (notification,) = link.others
    assert notification[-4:] == ("s.0", "text") * 2


@pytest.mark.parametrize(
    ("replies", "repeated", "top", "is_fenced"),
    [
        ([b"5-2"], False, None, False),
        ([STALE], False, b"6-1", True),
        ([STALE], True, b"6-1", True),
        ([STALE], True, b"5-2", False),
        ([STALE], True, b"5-9", False),
        ([None], False, None, True),
        ([None], True, None, True),
    ],
)
async def test_a_refused_epoch_is_a_newer_owner_unless_the_entry_is_mine(
    replies, repeated, top, is_fenced
):
    link = ScriptedLink(replies, repeated=repeated, tops=[top])
    assert await fenced(link, [emit(512), Commit(1, FINAL, "gw")]) is is_fenced
    assert bool(link.scripts) is not is_fenced, "nothing follows from a fenced write"
    assert bool(link.others) is not is_fenced, "nobody is told of it either"


@pytest.mark.parametrize("repeated", [True, False])
async def test_a_refused_position_is_done_only_if_it_was_repeated(repeated):
    link = ScriptedLink([STALE], repeated=repeated, tops=[b"320-1"])
    assert await fenced(link, [Audio(320, b"\0\0")]) is not repeated


@pytest.mark.parametrize("refusal", ["WRONGTYPE no stream", "ERR syntax error"])
async def test_any_other_refusal_is_a_bug(refusal):
    with pytest.raises(Misuse, match=refusal):
        await fenced(ScriptedLink([hiredis.ReplyError(refusal)]), [emit(512)])


async def test_one_fenced_work_item_does_not_harm_the_others():
    link = ScriptedLink([STALE, b"5-2"], tops=[b"6-1"])
    stale, good = slot(), slot()
    work = [(each, [emit(512), Offer("asr", "s.0/1", WORK)]) for each in (stale, good)]
    assert (await publisher(link).publish(work)).fenced == {stale}
    assert len(link.scripts) == 1


@pytest.mark.parametrize(
    ("effect", "written"),
    [
        (emit(511), False),
        (emit(512, 0), False),
        (emit(512, 2), True),
        (emit(513), True),
        (Audio(512, b"\0\0"), True),
        (Relay(Control(512, 2, Flush())), True),
        (Relay(Control(512, 0, Flush())), False),
        (Relay(Control(511, 1, Flush())), False),
    ],
)
async def test_what_an_earlier_owner_wrote_is_not_written_again(effect, written):
    link = ScriptedLink()
    await fenced(link, [effect], emitted=StreamId(512, 0))
    assert any(command[0] == b"XADD" for command in link.writes) is written


async def test_a_skipped_event_still_has_its_consequences():
    link = ScriptedLink()
    await fenced(link, [emit(512), Offer("asr", "s.0/1", WORK)], emitted=StreamId(9999, 0))
    assert not link.writes
    assert len(link.scripts) == 1


def offers(link):
    """Where the readers of the offers made begin to read, by key."""
    calls = [call for call in link.scripts if call[0] is scripts.OFFER]
    return {key: UTTERANCE_WORK.unpack(body).after for _, _, (key, body) in calls}


async def test_an_offer_says_where_its_own_event_lies():
    """However much follows in the same step: a short utterance may be over in it."""
    link = ScriptedLink()
    effects = [
        *(emit(512), Offer("asr", "s.0/1", WORK), emit(1024), emit(1536)),
        *(emit(2048), Offer("asr", "s.0/2", WORK), emit(2560)),
    ]
    owned = slot(epoch=5)
    await publisher(link).publish([(owned, effects)])
    assert offers(link) == {"s.0/1": b"5-1", "s.0/2": b"5-4"}
    await publisher(link).publish([(owned, [emit(9999), Offer("asr", "s.0/3", WORK)])])
    assert offers(link)["s.0/3"] == b"5-6"


async def test_an_offer_whose_event_an_earlier_owner_wrote_is_read_from_the_beginning():
    link = ScriptedLink()
    effects = [emit(512), Offer("asr", "s.0/1", WORK), emit(1024), Offer("asr", "s.0/2", WORK)]
    await fenced(link, effects, emitted=StreamId(512, 0))
    assert offers(link) == {"s.0/1": b"0-0", "s.0/2": b"5-1"}


async def test_several_writes_to_one_stream_are_one_transaction():
    """Was the first refused for want of memory and the second not, the first would be lost."""
    link = ScriptedLink()
    assert not await fenced(link, [emit(512), emit(1024), Show(1, TEXT, "gw")])
    names = [command[0] for command in link.writes]
    assert names == [b"MULTI", b"XADD", b"XADD", b"EXEC", b"XADD"]


class FullForAMoment(ScriptedLink):
    """Redis with one stream, which has no memory for the first write it is asked for."""

    def __init__(self):
        super().__init__()
        self.ids = []
        self.refusals = 1

    async def insist_parts(self, parts, *, generation):
        repeated = False
        while True:
            replies = [r for _, data, _ in parts for r in self.run(decoded(data))]
            if not any(str(reply).startswith(("OOM", "EXECABORT")) for reply in replies):
                return replies, repeated
            repeated = True

    def run(self, commands):
        queued: list[Any] | None = None
        aborted = False
        for name, *arguments in commands:
            if name == b"MULTI":
                queued, aborted = [], False
                yield b"OK"
            elif name == b"EXEC":
                writes = queued or []
                yield hiredis.ReplyError("EXECABORT") if aborted else [*map(self.add, writes)]
            elif self.refusals:
                self.refusals, aborted = self.refusals - 1, True
                yield hiredis.ReplyError("OOM command not allowed")
            elif queued is not None:
                queued.append(arguments)
                yield b"QUEUED"
            else:
                yield self.add(arguments)

    def add(self, arguments):
        name = arguments[-3]
        if self.ids and wire.id_halves(name) <= wire.id_halves(self.ids[-1]):
            return STALE
        self.ids.append(name)
        return name


async def test_a_write_that_was_refused_for_a_moment_is_not_overtaken_by_the_next():
    link = FullForAMoment()
    silent = [replace(emit(at), wake=(), notify=None) for at in (512, 1024, 1536)]
    assert not await fenced(link, silent)
    assert link.ids == [b"5-2", b"5-3", b"5-4"]


async def test_a_transaction_of_a_stale_owner_fences_its_slot_alone():
    link = ScriptedLink([STALE, STALE, b"7-2", b"7-3"], tops=[b"6-1", b"6-1"])
    stale, good = slot(epoch=5), slot(epoch=7)
    work = [(each, [emit(512), emit(1024)]) for each in (stale, good)]
    assert (await publisher(link).publish(work)).fenced == {stale}


async def test_a_transaction_that_is_refused_for_good_is_a_bug():
    class Refusing(ScriptedLink):
        async def insist_parts(self, parts, *, generation):
            wrong = hiredis.ReplyError("WRONGTYPE no stream")
            return [b"OK", wrong, b"QUEUED", hiredis.ReplyError("EXECABORT discarded")], False

    with pytest.raises(Misuse, match="WRONGTYPE"):
        await fenced(Refusing(), [emit(512), emit(1024)])


@pytest.mark.parametrize("written", [True, False])
async def test_what_follows_from_a_dead_letter_waits_for_it(written):
    class Breaking(ScriptedLink):
        async def evaluate(self, calls, then=(), *, generation):
            await super().evaluate(calls, then, generation=generation)
            return [int(written) if call[0] is scripts.DEAD_LETTER else 1 for call in calls]

    link = Breaking()
    work: Any
    owned, other = slot(), slot()
    given_up = [DeadLetter("why", b"pcm"), Commit(1, FINAL, "gw"), Done()]
    work = [(owned, given_up), (other, [Commit(2, FINAL, "gw")])]
    published = await publisher(link).publish(work)
    assert published.held_back == (set() if written else {owned})
    assert published.letters == ([(owned, given_up[0])] if written else [])
    assert not published.fenced
    made = [call[0] for call in link.scripts]
    assert made == [scripts.DEAD_LETTER] + [scripts.COMMIT] * (2 if written else 1)
    _, streams, arguments = link.scripts[0]
    assert streams == (keys.dead("toy"), keys.dead_contents("toy"))
    assert arguments[:3] == (b"1-0", "s.0", b"raw")
    assert arguments[3:7] == ("why", "worker", 5, b"pcm")


async def test_another_writer_of_events_has_a_stream_of_its_own():
    """So neither fences the other: the ids of both are epochs."""
    keywords = Stream(
        "keywords",
        Ids.EPOCH,
        Lifetime.SESSION,
        writers=("keywords",),
        holds="",
        reveals="",
        most=10,
    )
    link = ScriptedLink()
    events = Emit(keywords, SpeechEntry(StreamId(512, 0), ()), notify="gw")
    assert not await fenced(link, [events])
    (write,) = link.writes
    assert write[:5] == (b"XADD", LEG.key("keywords"), b"NOMKSTREAM", b"MAXLEN", b"~")
    (notification,) = link.hints
    assert notification[-2:] == (b"s.0", b"keywords")


async def test_denoised_audio_of_a_live_call_says_when_it_came_out():
    link, clock = ScriptedLink(), Clock()
    clock.note(0.0, 1e9)
    live, other = slot(), slot()
    live.timed = True
    effects = [Audio(320, b"\0\0" * 320)]
    await publisher(link, clock).publish([(live, effects), (other, effects)])
    with_stamp, without = [c for c in link.writes if c[0] == b"XADD"]
    *_, field, stamp = with_stamp
    assert field == wire.CAME_FIELD
    assert wire.read_came(stamp) == pytest.approx(clock.now(), abs=60)
    assert wire.CAME_FIELD not in without


async def test_those_who_wait_for_a_fenced_write_are_told_with_it():
    link = ScriptedLink()
    await fenced(link, [emit(512), Commit(3, FINAL, "gw")])
    rung = [command[1] for command in link.hints]
    assert rung == [keys.doorbell("asr", LEG.doorbell), keys.out("gw")]
    assert [command[1] for command in link.others] == [keys.out("gw")]
    assert len(link.scripts) == 1


async def test_in_a_cluster_they_are_told_after_it():
    link = ScriptedLink(in_order=False)
    await fenced(link, [emit(512)])
    assert link.hints == []
    assert len(link.others) == 2


async def test_they_are_told_of_what_an_earlier_owner_wrote():
    link = ScriptedLink()
    await fenced(link, [emit(512)], emitted=StreamId(512, 0))
    assert link.writes == []
    assert len(link.hints) == 2


async def test_a_leg_that_is_given_up_has_a_last_checkpoint_once_its_dead_letter_is_written():
    link = ScriptedLink()
    assert not await fenced(link, [DeadLetter("why"), Fail("gw"), Done()])
    checkpoint, bell = link.others
    assert checkpoint[1] == LEG.key("ckpt:toy")
    progress = wire.read_progress((b"5-2", [b"p", b"", b"h", checkpoint[-1]]))
    assert progress is not None
    assert progress.failed
    assert (bell[1], bell[-2:]) == (keys.out("gw"), ("s.0", CALL))


async def test_the_gateway_finds_out_by_itself_where_it_is_not_known():
    link = ScriptedLink()
    await fenced(link, [DeadLetter("why"), Fail(None), Done()])
    assert len(link.others) == 1
