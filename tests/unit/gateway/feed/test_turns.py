"""The turns of a leg: in order and the same, however their entries are read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.pipeline import speech, text
from common.pipeline.partial import PartialText
from common.pipeline.speech import Likely, SpeechEntry
from common.pipeline.stream_ids import StreamId
from gateway.endpointing.tail import SURE
from gateway.feed.turns import TRANSITIONS, LegTurns, State
from gateway.protocols.events import Turn

Entry: TypeAlias = SpeechEntry | tuple[int, PartialText | text.Final | text.End]
SILENCE = 10_000


def spoken(*events: speech.Event, likely: Likely | None = None) -> SpeechEntry:
    return SpeechEntry(StreamId(1, 0), events, likely=likely)


def voiced(heard: int, *events: speech.Event, likely: Likely | None = None) -> SpeechEntry:
    return SpeechEntry(StreamId(1, 0), events, likely=likely, voiced=heard)


def likely(utterance: int, said: str, end: int = 20_000, waited: int = 5_000) -> SpeechEntry:
    told = Likely(utterance, 100, end, end + waited, waited, SILENCE, said, "unmarked")
    return spoken(likely=told)


def final(number: int, said: str, **body: Any) -> tuple[int, text.Final]:
    fields: dict[str, Any] = {"start": 100, "end": 20_000, "at": 30_000, "reason": "silence"}
    return number, text.Final(text=said, language="English", **fields | body)


def partial(number: int, said: str) -> tuple[int, PartialText]:
    return number, PartialText(100, 15_000, said, 0, "English")


def cut(number: int) -> SpeechEntry:
    return spoken(
        speech.Ended(number, 100, 20_000, 20_100, "length"),
        speech.Started(number + 1, 20_000, 20_100, 0.9),
    )


def read(entries: Sequence[Entry], seen: int = 0) -> list[Turn]:
    leg = LegTurns(1)
    leg.seen = seen
    found: list[Turn] = []
    for entry in entries:
        match entry:
            case SpeechEntry():
                found += leg.speech(entry)
            case (number, heard) if isinstance(heard, PartialText):
                found += leg.partial(number, heard)
            case (number, text.Final() | text.End() as heard):
                found += [*leg.item(number, heard), *leg.waiting()]
    return found


def told(*entries: Entry) -> list[tuple[str, int, int, str]]:
    return [(each.kind, each.turn, each.step, each.transcript) for each in read(entries)]


RESUMED = spoken(speech.Resumed(1, 26_000))


def test_a_turn_starts_with_its_first_words_and_ends_with_its_final():
    events: list[Entry] = [
        spoken(speech.Started(1, 100, 5_000, 0.9)),
        partial(1, ""),
        partial(1, "I"),
        partial(1, "I see"),
        final(1, "I see."),
    ]
    assert told(*events) == [("started", 1, 1, "I"), ("ended", 1, 2, "I see.")]
    started, ended = read(events)
    assert (started.start, started.end, started.confidence, started.reason) == (
        100,
        15_000,
        0,
        None,
    )
    assert (ended.start, ended.end, ended.at) == (100, 20_000, 30_000)
    assert (ended.confidence, ended.evidence, ended.reason) == (SURE, "closed", "silence")


def test_an_end_is_announced_and_taken_back_when_speech_goes_on():
    events: list[Entry] = [
        partial(1, "I"),
        likely(1, "I see"),
        RESUMED,
        likely(1, "I see it", 24_000),
    ]
    assert told(*events, final(1, "I see it", end=24_000)) == [
        ("started", 1, 1, "I"),
        ("eager_end", 1, 2, "I see"),
        ("resumed", 1, 3, "I see"),
        ("eager_end", 1, 4, "I see it"),
        ("ended", 1, 5, "I see it"),
    ]
    eager = read(events)[1]
    assert eager.confidence == pytest.approx(0.452, abs=0.001)
    assert eager.evidence == "unmarked"


def test_an_end_says_what_its_announcement_said_of_the_text():
    ended = read([likely(1, "I see."), final(1, "I see.")])[-1]
    assert (ended.kind, ended.evidence) == ("ended", "unmarked")


def test_an_end_with_other_words_than_were_announced_takes_them_back():
    assert told(likely(1, "I see"), final(1, "I say")) == [
        ("started", 1, 1, "I see"),
        ("eager_end", 1, 2, "I see"),
        ("resumed", 1, 3, "I see"),
        ("ended", 1, 4, "I say"),
    ]


def test_noise_is_no_turn_and_what_could_not_be_recognised_is_one():
    flushed = final(2, "", reason="flush")
    assert told(partial(1, ""), final(1, ""), flushed) == []
    assert told(final(1, "", failed=True)) == [("started", 1, 1, ""), ("ended", 1, 2, "")]


def test_a_turn_goes_on_in_the_utterance_behind_a_cut():
    length = {"reason": "length"}
    events: list[Entry] = [cut(1), partial(2, "and"), final(1, "I see", **length)]
    assert told(*events, final(2, "and hear", start=20_000)) == [
        ("started", 1, 1, "I see"),
        ("ended", 1, 2, "I see and hear"),
    ]
    alone = spoken(speech.Ended(1, 100, 20_000, 20_100, "length"))
    assert told(alone, final(1, "I see", **length), final(2, "and")) == [
        ("started", 1, 1, "I see"),
        ("ended", 1, 2, "I see"),
        ("started", 2, 1, "and"),
        ("ended", 2, 2, "and"),
    ]


def test_the_end_tells_how_much_was_said_and_how_well_it_was_understood():
    sure = (text.TimedWord("I", 200, 300, 0.5), text.TimedWord("see", 300, 400, 1.0))
    heard: list[Entry] = [
        voiced(4_000, speech.Started(1, 100, 5_000, 0.9)),
        partial(1, "I"),
        voiced(9_000, speech.Paused(1, 100, 20_000, 24_000)),
        voiced(9_000, likely=likely(1, "I see").likely),
        voiced(9_512, speech.Resumed(1, 26_000)),
        voiced(12_000, speech.Ended(1, 100, 20_000, 30_000, "silence")),
        final(1, "I see", words=sure),
        final(2, "I see", words=sure),
    ]
    found = read(heard)
    assert [each.voiced for each in found] == [4_000, 9_000, 9_512, 12_000, 0, 0]
    assert [each.backchannel for each in found] == [False, True, True, True, True, True]
    assert [each.word_confidence for each in found] == [None, None, None, 0.75, None, 0.75]
    assert read([final(1, "I see")])[-1].word_confidence is None


def test_all_parts_of_a_turn_that_was_cut_count():
    word = (text.TimedWord("so", 200, 300, 0.5),)
    cut_at = voiced(15_000, *cut(1).events)
    ended = voiced(18_000, speech.Ended(2, 20_000, 40_000, 50_000, "silence"))
    first = final(1, "so", words=word, reason="length")
    for second, sure in ((word, 0.5), (None, None)):
        last = read([cut_at, ended, first, final(2, "so", start=20_000, words=second)])[-1]
        assert (last.voiced, last.word_confidence) == (18_000, sure)


def test_a_flush_is_sure_that_the_turn_is_over():
    assert read([final(1, "Yes", reason="flush")])[-1].confidence == 1.0


@dataclass(frozen=True)
class Utterance:
    """What is said of an utterance: its pauses, each with its text, and how it ends."""

    partials: int
    pauses: tuple[str, ...]
    stays: bool
    text: str
    failed: bool
    cut: bool


TEXTS = st.sampled_from(["", "I see", "I see.", "yes"])
UTTERANCES = st.builds(
    Utterance,
    st.integers(0, 2),
    st.lists(TEXTS.filter(bool), max_size=3).map(tuple),
    st.booleans(),
    TEXTS,
    st.booleans(),
    st.booleans(),
)


def streams(leg: Sequence[Utterance]) -> tuple[list[list[Entry]], list[Entry]]:
    """Return what the streams get for each utterance, and its items."""
    heard: list[list[Entry]] = []
    items: list[Entry] = []
    for number, each in enumerate(leg, start=1):
        found: list[Entry] = [spoken(speech.Started(number, 100, 5_000, 0.9))]
        # Where there were words, the final has some, or it failed.
        words = each.text or ("" if each.failed else each.pauses and "so")
        found += [partial(number, "I")] * (each.partials if words or each.failed else 0)
        for n, said in enumerate(each.pauses):
            paused = likely(number, said, 20_000 + 10_000 * n)
            found.append(replace(paused, voiced=10_000 * (n + 1)))
            if not (each.stays and n == len(each.pauses) - 1):
                resumed = speech.Resumed(number, 26_000 + 10_000 * n)
                found.append(voiced(10_000 * (n + 1) + 512, resumed))
        reason: Any = "length" if each.cut else "silence"
        if each.cut:
            found.append(cut(number))
        heard.append(found)
        said = str(words) if not each.failed else ""
        items.append(final(number, said, failed=each.failed, reason=reason))
    return heard, items


@st.composite
def readings(draw: st.DrawFn) -> tuple[list[Entry], list[Entry]]:
    """Return one order in which the entries of a leg are written, and one in which they are read.

    An item is read behind the speech events of its utterance; partials may be missed.
    """
    heard, items = streams(draw(st.lists(UTTERANCES, min_size=1, max_size=5)))
    written = [each for n, item in enumerate(items) for each in (*heard[n], item)]
    read_so: list[Entry] = []
    ahead = 0
    for n, item in enumerate(items):
        until = draw(st.integers(max(ahead, n + 1), len(items)))
        read_so += [each for found in heard[ahead:until] for each in found]
        ahead = until
        read_so.append(item)
    kept = [each for each in read_so if not _is_partial(each) or draw(st.booleans())]
    return written, kept


def _is_partial(entry: Entry) -> bool:
    return isinstance(entry, tuple) and isinstance(entry[1], PartialText)


def plain(events: Sequence[Turn]) -> list[Turn]:
    """Leave out what a start knows so far, which depends on when it is looked at."""
    return [
        replace(each, transcript="", end=0, at=0, language=None, voiced=0, backchannel=False)
        if each.kind == "started"
        else replace(each, language=None)
        for each in events
    ]


@given(readings())
def test_the_same_entries_give_the_same_turns_however_they_are_read(
    both: tuple[list[Entry], list[Entry]],
):
    written, read_so = both
    assert plain(read(written)) == plain(read(read_so))


@given(readings(), st.integers(0, 5))
def test_what_a_client_knows_is_not_told_again(both: tuple[list[Entry], list[Entry]], seen: int):
    whole = plain(read(both[0]))
    assert plain(read(both[1], seen)) == [each for each in whole if each.utterance > seen]


@given(readings())
def test_turns_follow_one_another_and_what_is_announced_holds_or_is_taken_back(
    both: tuple[list[Entry], list[Entry]],
):
    last: Turn | None = None
    for event in read(both[1]):
        before = last.kind if last else "ended"
        assert (
            event.kind
            in {
                "ended": {"started"},
                "started": {"eager_end", "ended"},
                "eager_end": {"resumed", "ended"},
                "resumed": {"eager_end", "ended"},
            }[before]
        )
        if last is None or before == "ended":
            assert (event.step, event.turn) == (1, event.utterance)
            assert last is None or event.turn > last.turn
        else:
            assert (event.step, event.turn) == (last.step + 1, last.turn)
        if before == "eager_end":
            assert last
            assert event.transcript == last.transcript
        assert event.kind != "eager_end" or event.transcript
        last = event


def test_every_state_can_be_left():
    assert {state for state, _ in TRANSITIONS} == set(State)
