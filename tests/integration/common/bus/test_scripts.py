"""The scripts on a real server: what is atomic, what is idempotent, what order comes out."""

import asyncio
import random
from dataclasses import replace
from itertools import permutations
from unittest.mock import ANY

import pytest

from common.bus import commands, keys, scripts, wire
from common.bus.attachments import attach
from common.bus.keys import Leg
from common.bus.offers import offer
from common.pipeline.record import pack
from common.pipeline.text import ANSWERS_KEPT, FINAL, WORDS, Final, TimedWord, Words
from common.redis.replies import pairs
from common.redis.resp import is_known_id
from tests.integration.common.stage.toy_stage import TOY, ToyWork

LEG = Leg("call", 0)
OTHER = Leg("call", 1)
SCRIPTS = (
    *(scripts.OFFER, scripts.RELEASE, scripts.ACQUIRE),
    *(scripts.COMMIT, scripts.ATTACH),
)


async def open_session(link, leg=LEG):
    await link.run([("HSET", leg.meta, "session", b"x", "secret", b"x"), ("EXPIRE", leg.meta, 60)])


def commit(number, text="", leg=LEG, align=None):
    final = replace(Final.empty(0, "silence"), text=text or f"item {number}", align=align)
    body = pack(final)
    names = (leg.key("text"), leg.key("parked"), leg.meta, leg.key(f"part:{number}"))
    return (scripts.COMMIT, names, (number, body, keys.SESSION_TTL, ANSWERS_KEPT))


async def items(link, leg=LEG):
    """The text of a leg: (item number, seq, what it says)."""
    entries = await link.call("XRANGE", leg.key("text"), "-", "+")
    return [
        (wire.id_halves(i)[0], int(fields[1]), FINAL.unpack(fields[3]).text)
        for i, fields in entries
    ]


class TestCommit:
    async def test_items_enter_in_order_with_a_running_number(self, link):
        await open_session(link)
        assert await link.evaluate([commit(1), commit(2), commit(3)]) == [1, 1, 1]
        assert await items(link) == [(1, 1, "item 1"), (2, 2, "item 2"), (3, 3, "item 3")]

    async def test_of_answers_to_flushes_the_newest_stay_and_every_word(self, link):
        await open_session(link)
        names = (LEG.key("text"), LEG.key("parked"), LEG.meta, LEG.key("part:1"))
        spoken = {10, 11, 700, 1500}
        for number in range(1, 2001):
            final = Final.empty(16_000 * number, "flush")
            if number in spoken:
                final = replace(final, start=16_000 * number - 8_000, text="hello")
            elif number == 12:
                final = Final.lost(16_000 * number, "no engine")
            arguments = (number, pack(final), keys.SESSION_TTL, ANSWERS_KEPT)
            assert await link.evaluate([(scripts.COMMIT, names, arguments)]) == [1]
        entries = await link.call("XRANGE", LEG.key("text"), "-", "+")
        kept = {wire.id_halves(at)[0] for at, _ in entries}
        assert kept == spoken | {12} | {*range(2001 - ANSWERS_KEPT, 2001)}
        assert int(entries[-1][1][1]) == 2000, "they are numbered as before"

    async def test_an_item_waits_for_its_predecessor(self, link):
        await open_session(link)
        assert await link.evaluate([commit(3), commit(2)]) == [0, 0]
        assert await items(link) == []
        assert 0 < await link.call("TTL", LEG.key("parked")) <= keys.SESSION_TTL
        assert await link.evaluate([commit(1)]) == [3]
        assert [number for number, _, _ in await items(link)] == [1, 2, 3]
        assert await link.call("EXISTS", LEG.key("parked")) == 0

    async def test_an_item_says_when_it_entered_and_not_when_it_was_parked(self, link):
        await open_session(link)
        await link.evaluate([commit(2)])
        seconds, micros = await link.call("TIME")
        await link.evaluate([commit(1)])
        entered = [
            dict(pairs(fields))[wire.COMMITTED_FIELD]
            for _, fields in await link.call("XRANGE", LEG.key("text"), "-", "+")
        ]
        assert len(entered) == 2
        assert all(float(at) >= int(seconds) + int(micros) / 1e6 for at in entered)

    async def test_the_first_version_of_an_item_wins(self, link):
        await open_session(link)
        assert await link.evaluate([commit(1, "first"), commit(1, "second")]) == [1, 0]
        assert await link.evaluate([commit(3, "held"), commit(3, "late"), commit(2)]) == [0, 0, 2]
        assert [text for _, _, text in await items(link)] == ["first", "item 2", "held"]

    async def test_a_session_that_is_gone_takes_nothing(self, link):
        assert await link.evaluate([commit(1)]) == [-1]
        await open_session(link)
        await link.evaluate([commit(1)])
        await link.call("UNLINK", LEG.meta)
        assert await link.evaluate([commit(2)]) == [-1]
        assert await link.call("EXISTS", LEG.key("parked"), LEG.meta) == 0

    async def test_a_session_that_broke_off_takes_nothing_more(self, link):
        await open_session(link)
        await link.evaluate([commit(1)])
        await link.run([commands.break_off(LEG.meta)])
        assert await link.evaluate([commit(2)]) == [-1]
        assert [number for number, _, _ in await items(link)] == [1]

    async def test_what_comes_late_shortens_no_retention(self, link):
        await open_session(link)
        await link.evaluate([commit(1)])
        await link.call("EXPIRE", LEG.key("text"), 9_000)
        await link.evaluate([commit(2)])
        assert await link.call("TTL", LEG.key("text")) > 8_000

    async def test_the_running_number_is_the_sessions_over_both_legs(self, link):
        await open_session(link)
        orders = [commit(1), commit(1, leg=OTHER), commit(2, leg=OTHER), commit(2)]
        await link.evaluate(orders)
        assert [(n, seq) for n, seq, _ in await items(link)] == [(1, 1), (2, 4)]
        assert [(n, seq) for n, seq, _ in await items(link, OTHER)] == [(1, 2), (2, 3)]

    async def test_the_partial_of_an_item_goes_when_the_item_comes(self, link):
        await open_session(link)
        await link.run([("XADD", LEG.key(f"part:{n}"), "1-1", "p", "x") for n in (1, 2, 3)])
        await link.evaluate([commit(1), commit(3)])
        left = [n for n in (1, 2, 3) if await link.call("EXISTS", LEG.key(f"part:{n}"))]
        assert left == [2]
        await link.evaluate([commit(2)])
        assert await link.call("EXISTS", LEG.key("part:2")) == 0

    async def test_keys_live_as_long_as_the_session(self, link):
        await open_session(link)
        await link.evaluate([commit(1)])
        assert 0 < await link.call("TTL", LEG.key("text")) <= keys.SESSION_TTL
        assert await link.call("TTL", LEG.meta) <= 60

    async def test_numbers_of_any_size_keep_their_order(self, link):
        await open_session(link)
        await link.evaluate([commit(number) for number in range(1, 121)])
        assert [number for number, _, _ in await items(link)] == list(range(1, 121))

    async def test_any_order_and_any_repetition_give_the_same_text(self, link):
        await open_session(link)
        orders = [(number, leg) for number in range(1, 31) for leg in (LEG, OTHER)] * 3
        random.Random(7).shuffle(orders)
        batches = [orders[i : i + 9] for i in range(0, len(orders), 9)]
        added = await asyncio.gather(
            *(link.evaluate([commit(n, leg=leg) for n, leg in batch]) for batch in batches)
        )
        assert sum(map(sum, added)) == 60
        both = [await items(link, leg) for leg in (LEG, OTHER)]
        assert [[number for number, _, _ in text] for text in both] == [list(range(1, 31))] * 2
        assert sorted(seq for text in both for _, seq, _ in text) == list(range(1, 61))


def words(number, digest, said="hello", leg=LEG):
    return attach(leg, number, digest, Words((TimedWord(said, 1, 2, 0.5),)))


def spoken(packed):
    (word,) = WORDS.unpack(packed).words or ()
    return word.text


async def told(link, leg=LEG):
    """The text of a leg as its readers are told it: (item, seq, words) and (words of, seq, words).

    Ids rise and their first half is always the last item's number.
    """
    last, heard = 0, []
    for entry, fields in await link.call("XRANGE", leg.key("text"), "-", "+"):
        values = dict(pairs(fields))
        number = int(values.get(b"u", 0))
        if not number:
            last += 1
        assert wire.id_halves(entry)[0] == last
        said = spoken(values[b"w"]) if b"w" in values else None
        heard.append((f"words of {number}" if number else last, int(values[b"s"]), said))
    return heard


class TestAttach:
    @pytest.fixture(autouse=True)
    async def known_scripts(self, link):
        """A script that Redis has yet to learn runs behind those it knows."""
        await link.run([("SCRIPT", "LOAD", script.source) for script in SCRIPTS])

    async def test_words_that_are_there_first_come_with_their_item(self, link):
        await open_session(link)
        assert await link.evaluate([words(1, "d")]) == [0]
        assert await link.evaluate([commit(1, align="d")]) == [1]
        assert await told(link) == [(1, 1, "hello")]
        assert await link.call("EXISTS", LEG.key("parked")) == 0

    async def test_words_that_come_later_follow_their_item_once(self, link):
        await open_session(link)
        calls = [commit(1, align="d"), words(1, "d", "first"), words(1, "d", "second")]
        assert await link.evaluate(calls) == [1, 1, 0]
        assert await told(link) == [(1, 1, None), ("words of 1", 2, "first")]
        assert await link.call("EXISTS", LEG.key("parked")) == 0

    async def test_words_of_an_end_that_was_none_are_dropped(self, link):
        await open_session(link)
        await link.evaluate([words(1, "early")])
        await link.evaluate([commit(1, align="d"), words(1, "early")])
        assert await told(link) == [(1, 1, None)]
        await link.evaluate([words(1, "d")])
        assert await told(link) == [(1, 1, None), ("words of 1", 2, "hello")]

    async def test_words_that_nobody_awaits_are_dropped(self, link):
        await open_session(link)
        assert await link.evaluate([words(1, "d")]) == [0]
        assert await link.evaluate([commit(1), words(1, "d")]) == [1, 0]
        assert await told(link) == [(1, 1, None)]

    async def test_a_late_answer_for_an_earlier_end_does_not_replace_the_newer(self, link):
        await open_session(link)
        await link.evaluate([words(1, "newer"), words(1, "older")])
        await link.evaluate([commit(1, align="newer")])
        assert await told(link) == [(1, 1, "hello")]

    async def test_no_more_than_four_answers_are_kept_for_an_item(self, link):
        await open_session(link)
        ends = [words(1, f"d{n}", "x" * 1000) for n in range(50)]
        await link.evaluate(ends)
        assert len(await link.call("HGET", LEG.key("parked"), "w1")) < 5000
        await link.evaluate([commit(1, align="d46")])
        assert await told(link) == [(1, 1, "x" * 1000)]

    async def test_an_item_that_waits_keeps_its_words(self, link):
        await open_session(link)
        await link.evaluate([commit(2, align="d"), words(2, "d"), commit(1)])
        assert await told(link) == [(1, 1, None), (2, 2, "hello")]
        assert await link.call("EXISTS", LEG.key("parked")) == 0

    async def test_words_stand_behind_whatever_the_text_ends_with(self, link):
        await open_session(link)
        await link.evaluate([commit(n, align=f"d{n}") for n in (1, 2, 3)])
        await link.evaluate([words(2, "d2"), words(1, "d1"), commit(4), words(3, "d3")])
        seen = [name for name, _, _ in await told(link)]
        assert seen == [1, 2, 3, "words of 2", "words of 1", 4, "words of 3"]
        assert [seq for _, seq, _ in await told(link)] == list(range(1, 8))

    async def test_items_enter_in_order_behind_words(self, link):
        await open_session(link)
        await link.evaluate([commit(1, align="d"), words(1, "d"), commit(3), commit(2), commit(1)])
        assert [name for name, _, _ in await told(link)] == [1, "words of 1", 2, 3]

    async def test_a_session_that_is_gone_takes_nothing(self, link):
        assert await link.evaluate([words(1, "d")]) == [-1]
        await open_session(link)
        await link.evaluate([commit(1, align="d")])
        await link.call("UNLINK", LEG.meta)
        assert await link.evaluate([words(1, "d")]) == [-1]
        assert await told(link) == [(1, 1, None)]

    async def test_after_the_working_keys_are_gone_nothing_is_added(self, link):
        await open_session(link)
        await link.evaluate([commit(1, align="d")])
        await link.run([("UNLINK", LEG.key("parked")), ("EXPIRE", LEG.key("text"), 300)])
        assert await link.evaluate([words(1, "d")]) == [0]
        assert await link.call("EXISTS", LEG.key("parked")) == 0
        assert await link.call("TTL", LEG.key("text")) > keys.SESSION_TTL

    async def test_what_waits_lives_no_longer_than_the_session(self, link):
        await open_session(link)
        await link.evaluate([words(1, "d")])
        assert 0 < await link.call("TTL", LEG.key("parked")) <= keys.SESSION_TTL

    @pytest.mark.parametrize("again", [1, 2, 3])
    async def test_any_order_and_any_repetition_tell_the_same(self, link, again):
        """Two utterances, one of them decoded for two ends; who died repeats what it had done."""
        await open_session(link)
        calls = [
            *(commit(1, align="a"), commit(2, align="b")),
            *(words(1, "a", "one"), words(2, "b", "two"), words(2, "none", "no")),
        ]
        wholes = []
        for number, order in enumerate(permutations(calls)):
            leg = Leg("call", number)
            moved = [
                (script, (leg.key("text"), leg.key("parked"), *names[2:]), arguments)
                for script, names, arguments in order
            ]
            await link.evaluate([each for each in moved for _ in range(again)])
            wholes.append({(name, said) for name, _, said in await told(link, leg)})
            assert await link.call("EXISTS", leg.key("parked")) == 0
        for whole in wholes:
            assert (1, "one") in whole or {(1, None), ("words of 1", "one")} <= whole
            assert (2, "two") in whole or {(2, None), ("words of 2", "two")} <= whole
            assert not any(said == "no" for _, said in whole)


class TestWorkItems:
    async def release(self, link, entry, key="s.0"):
        names = (keys.work_items("toy"), keys.index("toy"))
        await link.evaluate([(scripts.RELEASE, names, ("toy", entry, key))])

    async def test_offering_is_idempotent(self, link):
        first, again = await link.evaluate([offer("toy", "s.0", ToyWork())] * 2)
        assert first == again
        assert await link.evaluate([offer("toy", "s.0", ToyWork())]) == [first]
        ((entry, fields),) = await link.call("XRANGE", keys.work_items("toy"), "-", "+")
        assert entry == first
        assert fields[:3] == [b"k", b"s.0", b"p"]
        assert TOY.work.unpack(fields[3]).offered > 0

    async def test_releasing_is_idempotent_and_leaves_nothing(self, link):
        (entry,) = await link.evaluate([offer("toy", "s.0", ToyWork())])
        await link.run([("XGROUP", "CREATE", keys.work_items("toy"), "toy", "0")])
        await link.run(
            [("XREADGROUP", "GROUP", "toy", "w", "STREAMS", keys.work_items("toy"), ">")]
        )
        for _ in range(2):
            await self.release(link, entry)
            assert await link.call("XLEN", keys.work_items("toy")) == 0
            assert await link.call("HLEN", keys.index("toy")) == 0
            assert (await link.call("XPENDING", keys.work_items("toy"), "toy"))[0] == 0

    async def test_a_late_release_does_not_hit_a_new_work_item_of_that_name(self, link):
        (old,) = await link.evaluate([offer("toy", "s.0", ToyWork())])
        await self.release(link, old)
        (new,) = await link.evaluate([offer("toy", "s.0", ToyWork())])
        await self.release(link, old)
        assert await link.call("HGET", keys.index("toy"), "s.0") == new
        assert await link.call("XLEN", keys.work_items("toy")) == 1

    async def test_many_are_released_at_once(self, link):
        work_items = [f"s.0/{number}" for number in range(5)]
        entries = await link.evaluate([offer("toy", item, ToyWork()) for item in work_items])
        names = (keys.work_items("toy"), keys.index("toy"))
        done = [each for pair in zip(entries, work_items, strict=True) for each in pair][:-2]
        await link.evaluate([(scripts.RELEASE, names, ("toy", *done))])
        assert await link.call("HKEYS", keys.index("toy")) == [b"s.0/4"]
        ((left, _),) = await link.call("XRANGE", keys.work_items("toy"), "-", "+")
        assert left == entries[-1]

    async def test_stages_do_not_share_work_items(self, link):
        await link.evaluate([offer("toy", "s.0", ToyWork()), offer("other", "s.0", ToyWork())])
        for stage in ("toy", "other"):
            assert await link.call("XLEN", keys.work_items(stage)) == 1


class TestTakingOffice:
    fences = (LEG.key("ckpt:toy"), LEG.key("speech"))

    async def acquire(self, link, owner):
        call = (scripts.ACQUIRE, (*self.fences, LEG.key("speech")), (owner, 60))
        (found,) = await link.evaluate([call])
        return found

    async def write(self, link, key, entry_id, text):
        return (await link.run([("XADD", key, entry_id, wire.BODY_FIELD, text)]))[0]

    async def test_the_first_owner_finds_nothing(self, link):
        assert await self.acquire(link, "first") == [1, [], []]
        for key in self.fences:
            assert await link.call("XRANGE", key, "-", "+") == [[b"1-1", [b"own", b"first"]]]
            assert 0 < await link.call("TTL", key) <= 60

    async def test_the_next_one_finds_what_was_left_and_shuts_the_former_out(self, link):
        checkpoints, speech = self.fences
        await self.acquire(link, "first")
        await self.write(link, checkpoints, "1-2", "state")
        await self.write(link, speech, "1-2", "older")
        await self.write(link, speech, "1-3", "newest")
        state, output = [b"1-2", [b"p", b"state"]], [b"1-3", [b"p", b"newest"]]
        assert await self.acquire(link, "second") == [2, state, output]
        for key in self.fences:
            assert is_known_id(await self.write(link, key, "1-9", "late"))
            assert await self.write(link, key, "2-2", "fresh") == b"2-2"

    async def test_no_stream_is_left_behind_in_an_older_term(self, link):
        checkpoints, speech = self.fences
        await self.write(link, speech, "7-1", "of a term that the checkpoints lack")
        assert (await self.acquire(link, "next"))[0] == 8
        assert await self.acquire(link, "last") == [9, [], [b"7-1", [b"p", ANY]]]
        assert (await link.call("XREVRANGE", checkpoints, "+", "-", "COUNT", 1))[0][0] == b"9-1"

    async def test_what_was_left_is_found_behind_many_owners(self, link):
        await self.write(link, self.fences[1], "1-2", "long ago")
        for number in range(9):
            await self.acquire(link, f"owner {number}")
        epoch, _, output = await self.acquire(link, "last")
        assert (epoch, output[0]) == (11, b"1-2")

    async def test_a_stream_keeps_the_longer_life_it_has(self, link):
        await self.acquire(link, "first")
        await link.call("EXPIRE", self.fences[0], 600)
        await self.acquire(link, "second")
        assert await link.call("TTL", self.fences[0]) > 60


@pytest.mark.parametrize("script", SCRIPTS)
async def test_redis_knows_each_script_by_its_digest(link, script):
    assert await link.call("SCRIPT", "LOAD", script.source) == script.digest.encode()
