"""One utterance in an ASR worker: what it offers to aligners, and what its final says of words."""

from binascii import crc32
from collections.abc import Collection
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr_worker.actions import Cancel, Decode, PublishFinal, PublishPartial
from asr_worker.api import DecodeRequest, Hypothesis, Word
from asr_worker.recording import GONE
from asr_worker.utterance import BROKEN, Utterance, unreadable
from common.audio import SAMPLE_RATE, float_to_pcm16
from common.bus.keys import Leg
from common.bus.wire import Chunk, StreamId
from common.options import Endpointing, SessionOptions
from common.pipeline.slot import Heard, Slot
from common.pipeline.speech import Ended, Event, Paused, Resumed, SpeechEntry
from common.pipeline.text import Final
from common.pipeline.trace import Decoding, Endpoint
from common.pipeline.work import TextWork, UtteranceWork
from common.stage.api import Assignment, Commit, DeadLetter, Done, Offer, Show

LEG = Leg("s", 0)
WORK = UtteranceWork(
    utterance=3,
    source="audio",
    start=1000,
    gateway="gw",
    options=SessionOptions(),
    live=True,
)
ENGLISH = Hypothesis("hello there", "English")


def utterance(*, words: bool = True, beside: Collection[str] = ("align",)) -> Utterance:
    work = replace(WORK, options=SessionOptions(words=words), beside=frozenset(beside))
    return Utterance(LEG, work, committed=2, cadence=8000)


def happened(event: Event) -> SpeechEntry:
    return SpeechEntry(StreamId(0, 0), (event,))


def pause(end: int) -> SpeechEntry:
    return happened(Paused(3, 1000, end, end))


def ended(end: int, at: int) -> SpeechEntry:
    return happened(Ended(3, 1000, end, at, "silence"))


RESUMED = happened(Resumed(3, 10_000))


def paused(one: Utterance, end: int) -> None:
    one.feed([Chunk(end, bytes(2 * (end - 1000))), pause(end)])


def wanted(one: Utterance) -> int:
    """Return the token of the decode that is due."""
    (decode,) = [each for each in one.scheduler.due() if isinstance(each, Decode)]
    return decode.token


def decoded(one: Utterance, hypothesis: Hypothesis) -> None:
    one.scheduler.decoded(wanted(one), hypothesis)


def digest_of(offer: Offer) -> str:
    assert isinstance(offer.work, TextWork)
    return offer.work.digest


def offered(one: Utterance) -> list[Offer]:
    return [effect for effect in one.alignment() if isinstance(effect, Offer)]


def final(one: Utterance) -> Final:
    (action,) = [each for each in one.scheduler.due() if isinstance(each, PublishFinal)]
    effect = one.final(action)
    assert isinstance(effect, Commit)
    assert isinstance(effect.item, Final)
    return effect.item


def spoken(one: Utterance, hypothesis: Hypothesis) -> tuple[list[Offer], Final]:
    """Say something to its end; return the offers and the final."""
    paused(one, 9000)
    decoded(one, hypothesis)
    offers = offered(one)
    one.feed([ended(9000, 20_000)])
    return offers + offered(one), final(one)


def test_a_tentative_end_is_offered_once_and_named_by_the_final():
    (offer,), body = spoken(utterance(), ENGLISH)
    digest = digest_of(offer)
    assert (offer.stage, offer.key) == ("align", f"s.0/3/{digest}")
    assert offer.work == TextWork(
        utterance=3,
        digest=digest,
        source="audio",
        start=1000,
        end=9000,
        text="hello there",
        language="English",
        gateway="gw",
    )
    assert (body.words, body.align, body.unavailable) == (None, digest, "")


def test_nothing_is_offered_before_the_end_is_in_sight():
    one = utterance()
    one.feed([Chunk(9000, bytes(16_000))])
    decoded(one, ENGLISH)
    assert offered(one) == []


def test_each_end_is_another_offer_and_the_final_names_the_last():
    one = utterance()
    paused(one, 9000)
    decoded(one, ENGLISH)
    (first,) = offered(one)
    one.feed([RESUMED])
    assert offered(one) == []
    paused(one, 15_000)
    decoded(one, ENGLISH)
    (second,) = offered(one)
    assert digest_of(first) != digest_of(second)
    one.feed([ended(15_000, 25_000)])
    assert final(one).align == digest_of(second)


def test_the_digest_is_that_of_the_place_and_the_text_alone():
    """Another worker that takes the utterance over names the same."""
    (once,), _ = spoken(utterance(), ENGLISH)
    (again,), _ = spoken(utterance(), Hypothesis("hello there", "English", memory=object()))
    (other,), _ = spoken(utterance(), Hypothesis("hello then", "English"))
    assert once.key == again.key != other.key


@pytest.mark.parametrize(
    ("made", "hypothesis", "unavailable"),
    [
        (utterance(beside=()), ENGLISH, "no aligner is running"),
        (utterance(), Hypothesis("merhaba", "Turkish"), "no word times for Turkish"),
        (utterance(), Hypothesis("hm"), "no word times for an unknown language"),
        (utterance(), Hypothesis("", "English"), ""),
        (utterance(words=False), ENGLISH, ""),
    ],
    ids=["no aligner", "language", "no language", "nothing said", "not asked for"],
)
def test_where_no_words_will_come_nothing_is_offered_and_the_final_says_why(
    made, hypothesis, unavailable
):
    offers, body = spoken(made, hypothesis)
    assert offers == []
    assert (body.words, body.align, body.unavailable) == (None, None, unavailable)


def test_words_of_the_engine_need_no_aligner():
    words = (Word("hello", 0.0, 0.25, 0.9), Word("there", 0.25, 0.5, 0.8))
    offers, body = spoken(utterance(), Hypothesis("hello there", "English", words))
    assert offers == []
    assert body.words == (("hello", 1000, 5000, 0.9), ("there", 5000, 9000, 0.8))
    assert (body.align, body.unavailable) == (None, "")


def test_a_failed_final_awaits_no_words():
    one = utterance()
    paused(one, 9000)
    decoded(one, ENGLISH)
    one.feed([RESUMED])
    paused(one, 15_000)
    one.scheduler.failed(wanted(one), again=False)
    one.feed([ended(15_000, 25_000)])
    assert offered(one) == []
    body = final(one)
    assert (body.failed, body.align, body.unavailable) == (True, None, "")


def candidate(*, replay: bool = False) -> Utterance:
    work = replace(WORK, replay=replay)
    return Utterance(LEG, work, committed=2, cadence=8000, candidate=not replay)


def test_a_candidate_is_decoded_once_when_it_is_over():
    one = candidate()
    paused(one, 41_000)
    assert one.scheduler.due() == []
    one.feed([RESUMED, Chunk(81_000, bytes(80_000)), pause(81_000)])
    assert one.scheduler.due() == []
    one.feed([ended(81_000, 90_000)])
    (decode,) = one.scheduler.due()
    assert isinstance(decode, Decode)
    assert (decode.start, decode.end) == (1000, 81_000)


def test_a_poisonous_one_goes_to_the_dead_letters_with_its_audio():
    one = candidate()
    one.feed([Chunk(1005, b"\1\0\2\0\3\0\4\0\5\0")])
    assert one.given_up("why", 1003) == [DeadLetter("why", b"\1\0\2\0\3\0")]


def test_one_that_comes_from_the_dead_letters_does_not_go_there_again():
    one = candidate(replay=True)
    assert one.candidate
    assert one.given_up("why", 1000) == []


def test_one_whose_audio_was_cut_off_before_it_was_read_is_a_failed_final():
    one = utterance()
    entry = Chunk(700 * SAMPLE_RATE, bytes(3200))
    one.feed([entry, ended(49_000, 60_000)])
    body = final(one)
    assert (body.failed, body.shown, body.trouble) == (True, True, GONE)
    assert (body.start, body.end, body.text) == (1000, 49_000, "")
    assert one.seconds == 0


def test_nothing_is_decoded_of_one_whose_audio_was_cut_off():
    one = utterance()
    for position in range(700, 720):
        one.feed([Chunk(position * SAMPLE_RATE, bytes(2 * SAMPLE_RATE))])
        assert one.scheduler.due() == []
    paused(one, 9000)
    assert one.scheduler.due() == []


def test_audio_without_events_is_kept_up_to_the_longest_utterance():
    one = utterance()
    for second in range(600):
        end = 1000 + (second + 1) * SAMPLE_RATE
        one.feed([Chunk(end, bytes(2 * SAMPLE_RATE))])
    assert one.seconds == 300


def test_a_broken_one_is_a_failed_final_of_its_end_and_reason():
    one = candidate()
    one.feed([Chunk(1003, bytes(6))])
    one.broken = "ValueError: why"
    assert one.abandoned([Chunk(1006, bytes(6)), RESUMED]) == [], "its end is not known"
    flushed = happened(Ended(3, 1000, 1006, 1007, "flush"))
    letter, final, done = one.abandoned([flushed])
    assert letter == DeadLetter("ValueError: why", bytes(6))
    assert isinstance(final, Commit)
    told = replace(Final.lost(1000, BROKEN), end=1006, at=1007, reason="flush")
    assert (final.number, final.item) == (3, told)
    assert done == Done()


def test_one_that_breaks_after_its_end_is_over():
    one = utterance()
    one.feed([Chunk(9000, bytes(16_000)), ended(9000, 9100)])
    one.broken = "ValueError: why"
    _, final, _ = one.abandoned([])
    assert isinstance(final, Commit)
    assert isinstance(final.item, Final)
    assert (final.item.failed, final.item.reason) == (True, "silence")


@pytest.mark.parametrize("work", [None, WORK])
def test_a_work_item_that_nobody_can_work_on_has_a_failed_final(work: UtteranceWork | None):
    effect = unreadable(Assignment("s.0/3", LEG, work, b"1-0", 1))
    start, gateway = (1000, "gw") if work else (0, "")
    assert effect == Commit(3, Final.lost(start, BROKEN), gateway)


ENDPOINT = Endpoint(heard=1.0, decided=1.5, worker="vad-1")


def stamped(end: int, at: int) -> SpeechEntry:
    return replace(ended(end, at), endpoint=ENDPOINT)


def answered(one: Utterance, decoding: Decoding) -> None:
    one.decoded(wanted(one), ENGLISH, 100, decoding)


def test_a_final_says_when_its_end_was_decided_and_its_text_decoded():
    one = utterance()
    one.feed([Chunk(9000, bytes(16_000))])
    answered(one, Decoding(begun=0.1, ended=0.2, worker="me"))
    paused(one, 9000)
    tentative = Decoding(begun=1.1, ended=1.2, worker="me")
    answered(one, tentative)
    one.feed([stamped(9000, 20_000)])
    body = final(one)
    assert (body.endpoint, body.decoding) == (ENDPOINT, tentative)


def test_a_decode_for_an_end_that_was_none_is_not_the_finals():
    one = utterance()
    paused(one, 9000)
    answered(one, Decoding(begun=1.1, ended=1.2, worker="me"))
    one.feed([RESUMED, Chunk(15_000, bytes(12_000)), stamped(15_000, 25_000)])
    last = Decoding(begun=2.1, ended=2.2, worker="me")
    answered(one, last)
    assert final(one).decoding == last


def test_a_final_without_a_text_of_its_own_says_when_its_end_was_decided():
    one = utterance()
    one.feed([Chunk(9000, bytes(16_000)), stamped(9000, 20_000)])
    for _ in range(2):
        one.scheduler.failed(wanted(one))
    body = final(one)
    assert (body.failed, body.endpoint, body.decoding) == (True, ENDPOINT, None)


NOISE = np.random.default_rng(3).integers(-9000, 9000, 45 * SAMPLE_RATE, dtype=np.int16).tobytes()


def history(dice: Random) -> list[Chunk | SpeechEntry]:
    """Return the audio of an utterance of up to 40 s in pieces, with its events in their places."""
    entries: list[Chunk | SpeechEntry] = []
    last = 1000

    def hear(position: int) -> None:
        nonlocal last
        entries.append(Chunk(position, NOISE[2 * (last - 1000) : 2 * (position - 1000)]))
        last = position

    while True:
        for _ in range(dice.randint(0, 12)):
            hear(last + dice.randint(1_000, SAMPLE_RATE))
        if last > 1000 + dice.randint(4, 30) * SAMPLE_RATE:
            break
        end = last + dice.randint(1, SAMPLE_RATE)
        hear(end + 3_000)
        entries.append(pause(end))
        hear(last + dice.randint(500, 9_000))
        entries.append(happened(Resumed(3, last)))
    entries.append(happened(Ended(3, 1000, last, last, "flush")))
    return entries


def recognised(one: Utterance, entries: list[Chunk | SpeechEntry], dice: Random) -> str:
    """Feed `entries` in any groups, answer decodes at any time; return the final's text."""
    asked: dict[int, DecodeRequest] = {}
    texts: list[str] = []
    rest = list(entries)

    def act() -> None:
        for action in one.scheduler.due(dice.choice([1.0, 4.0])):
            match action:
                case Decode():
                    asked[action.token] = one.request(action)
                case Cancel(token):
                    del asked[token]
                case PublishFinal(hypothesis=hypothesis):
                    texts.append(hypothesis.text)

    while rest or asked:
        count = dice.choice([1, 1, 3, len(rest)])
        one.feed(rest[:count])
        del rest[:count]
        act()
        for token in [each for each in asked if not rest or dice.random() < 0.5]:
            request = asked.pop(token)
            text = f"{crc32(float_to_pcm16(request.audio))} {request.language} {request.final}"
            one.scheduler.decoded(token, Hypothesis(text, "English"))
        act()
    (text,) = texts
    return text


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
def test_however_it_is_read_and_decoded_its_clauses_and_its_text_are_the_same(dice):
    entries = history(dice)

    def again(*, candidate: bool = False) -> str:
        work = replace(WORK, live=dice.random() < 0.5)
        options = replace(work.options, interim_results=dice.random() < 0.5)
        work = replace(work, options=options)
        one = Utterance(LEG, work, committed=2, cadence=8000, in_clauses=True, candidate=candidate)
        return recognised(one, entries, dice)

    first = again()
    assert [again(), again(), again(candidate=True)] == [first] * 3


def test_a_clause_is_heard_alone_and_its_words_are_where_they_were_said():
    work = replace(WORK, options=SessionOptions(words=True, interim_results=False))
    one = Utterance(LEG, work, committed=2, cadence=8000, in_clauses=True)
    first, second = 1000 + 7 * SAMPLE_RATE, 1000 + 10 * SAMPLE_RATE
    one.feed([Chunk(second, NOISE[: 20 * SAMPLE_RATE]), pause(first)])
    decoded(one, Hypothesis("oui", "French", (Word("oui", 1.0, 1.5, 0.9),)))
    one.feed([RESUMED, ended(second, second)])
    (decode,) = one.scheduler.due()
    assert isinstance(decode, Decode)
    request = one.request(decode)
    assert float_to_pcm16(request.audio) == NOISE[14 * SAMPLE_RATE : 20 * SAMPLE_RATE]
    assert (request.language, request.final, request.words) == ("French", True, True)
    one.scheduler.decoded(decode.token, Hypothesis("non", "French", (Word("non", 0.5, 1.0, 0.8),)))
    body = final(one)
    assert (body.text, body.language) == ("oui non", "French")
    assert body.words == (
        ("oui", 1000 + SAMPLE_RATE, 1000 + 24_000, 0.9),
        ("non", first + 8_000, first + SAMPLE_RATE, 0.8),
    )


@pytest.mark.parametrize(
    ("options", "live", "told"),
    [
        (SessionOptions(endpointing="turn"), True, [True]),
        (SessionOptions(endpointing="turn"), False, [False]),
        (SessionOptions(), True, [False]),
    ],
)
def test_what_was_said_before_a_pause_is_told_where_it_decides(
    options: SessionOptions, live: bool, told: list[bool]
):
    one = Utterance(LEG, replace(WORK, options=options, live=live), committed=2, cadence=8000)
    paused(one, 9000)
    decoded(one, replace(ENGLISH, mark=0.75))
    partials = [one.partial(e) for e in one.scheduler.due() if isinstance(e, PublishPartial)]
    texts = [each.text for each in partials if isinstance(each, Show)]
    assert [each.paused for each in texts] == told
    assert [(each.text, each.end) for each in texts] == [("hello there", 9000)]
    assert {each.mark for each in texts if each.paused} <= {0.75}
    assert (one.spare == 0) is told[0]


def test_an_expected_answer_stands_beside_the_text_with_how_sure_it_is():
    work = replace(WORK, options=SessionOptions(expect="digits 4"), live=True)
    one = Utterance(LEG, work, committed=2, cadence=8000)
    paused(one, 9000)
    (decode,) = one.scheduler.due()
    assert isinstance(decode, Decode)
    assert one.request(decode).words
    words = (Word("four", 0.0, 0.25, 0.5), Word("two", 0.25, 0.5, 0.75))
    one.scheduler.decoded(decode.token, Hypothesis("four two", "English", words))
    (told,) = [one.partial(e) for e in one.scheduler.due() if isinstance(e, PublishPartial)]
    answer = Slot("digits 4", (Heard("42", (0.5, 0.75)),))
    assert isinstance(told, Show)
    assert told.text.slot == answer
    one.feed([ended(9000, 20_000)])
    body = final(one)
    assert (body.slot, body.words) == (answer, None)


@pytest.mark.parametrize("endpointing", ["turn", "silence"])
def test_how_sure_a_mark_is_is_asked_where_it_decides(endpointing: Endpointing):
    options = SessionOptions(endpointing=endpointing)
    one = Utterance(LEG, replace(WORK, options=options), committed=2, cadence=8000)
    paused(one, 9000)
    (decode,) = one.scheduler.due()
    assert isinstance(decode, Decode)
    assert one.request(decode).mark is (endpointing == "turn")
