"""Which utterances are one item, and what a client is told of it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.audio import SAMPLE_RATE
from common.pipeline.text import EndReason
from gateway.protocols.events import Final, Partial, SpeechEnded, SpeechStarted
from gateway.protocols.openai_realtime.items import Fields, Items, unsent
from tests.unit.gateway.finals import a_final

SECOND = SAMPLE_RATE


def items(*, manual: bool = False) -> Items:
    some = Items("call")
    some.manual = manual
    return some


def started(number: int, start: int, *, at: int | None = None) -> SpeechStarted:
    return SpeechStarted(0, number, start, start + 3_200 if at is None else at)


def ended(number: int, start: int, end: int, reason: EndReason = "silence") -> SpeechEnded:
    return SpeechEnded(0, number, start, end, end + 12_800, reason)


def partial(number: int, start: int, end: int, text: str, stable: int) -> Partial:
    return Partial(0, number, start, end, text, stable, "English")


def final(
    number: int, start: int, end: int, text: str, reason: EndReason = "silence", **more: Any
) -> Final:
    return a_final(
        utterance=number,
        seq=number,
        start=start,
        end=end,
        at=end,
        text=text,
        language="English",
        reason=reason,
        **more,
    )


def kinds(messages: list[Fields]) -> list[str]:
    return [message["type"].rpartition(".")[2] for message in messages]


def deltas(messages: list[Fields]) -> str:
    return "".join(message.get("delta", "") for message in messages)


def test_an_utterance_is_an_item_that_vad_commits():
    some = items()
    (start,) = some.started(started(1, 1_600))
    assert start == {
        "type": "input_audio_buffer.speech_started",
        "audio_start_ms": 100,
        "item_id": "item_call_1",
    }
    stop, commit, added = some.ended(ended(1, 1_600, 17_600))
    assert stop == {
        "type": "input_audio_buffer.speech_stopped",
        "audio_end_ms": 1_100,
        "item_id": "item_call_1",
    }
    assert commit == {
        "type": "input_audio_buffer.committed",
        "previous_item_id": None,
        "item_id": "item_call_1",
    }
    assert (added["type"], added["item"]["id"]) == ("conversation.item.added", "item_call_1")
    delta, completed = some.final(final(1, 1_600, 17_600, "hello"))
    assert delta["delta"] == "hello"
    assert completed == {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": "item_call_1",
        "content_index": 0,
        "transcript": "hello",
        "usage": {"type": "duration", "seconds": 1.0},
        "languages": [{"code": "en"}],
    }
    some.started(started(2, 40_000))
    _, second, _ = some.ended(ended(2, 40_000, 50_000))
    assert (second["previous_item_id"], second["item_id"]) == ("item_call_1", "item_call_2")


def test_only_stable_text_is_sent_and_only_once():
    some = items()
    some.started(started(1, 0))
    assert some.partial(partial(1, 0, 8_000, "so my", 0)) == []
    (one,) = some.partial(partial(1, 0, 16_000, "so my fellow", 5))
    (two,) = some.partial(partial(1, 0, 24_000, "so my fellow am", 12))
    assert some.partial(partial(1, 0, 24_000, "so my fellow americans", 12)) == []
    more = some.final(final(1, 0, 30_000, "so my fellow Americans."))
    assert (one["delta"], two["delta"]) == ("so my", " fellow")
    assert deltas([one, two, *more]) == "so my fellow Americans."


def test_the_transcript_is_what_the_deltas_said():
    some = items()
    sent = some.partial(partial(1, 0, 16_000, "So my fellow americans", 12))
    more = some.final(final(1, 0, 30_000, "so, my fellow Americans."))
    assert deltas([*sent, *more]) == "So my fellow Americans." == more[-1]["transcript"]


def test_a_final_with_other_words_is_the_transcript():
    some = items()
    some.partial(partial(1, 0, 16_000, "how do you marry", 10))
    *_, completed = some.final(final(1, 0, 30_000, "Had he married"))
    assert completed["transcript"] == "Had he married"


def test_a_partial_of_a_worker_that_took_over_waits_until_it_agrees():
    some = items()
    some.partial(partial(1, 0, 16_000, "so my fellow", 5))
    assert some.partial(partial(1, 0, 17_000, "go my fellow", 5)) == []
    assert deltas(some.partial(partial(1, 0, 18_000, "so my fellow", 9))) == " fel"


def test_whatever_comes_first_announces_the_item():
    assert kinds(items().partial(partial(1, 0, 8_000, "so my", 2))) == ["speech_started", "delta"]
    assert kinds(items().ended(ended(1, 0, 8_000))) == [
        *("speech_started", "speech_stopped", "committed", "added"),
    ]
    some = items()
    assert kinds(some.final(final(1, 0, 8_000, "so"))) == [
        *("speech_started", "delta", "speech_stopped", "committed", "added", "completed"),
    ]
    assert some.started(started(1, 0)) == []
    assert some.ended(ended(1, 0, 8_000)) == []
    assert some.partial(partial(1, 0, 8_000, "so my", 5)) == []


def test_noise_is_answered_by_an_empty_transcript():
    some = items()
    some.ended(ended(1, 0, 8_000))
    (completed,) = some.final(final(1, 0, 8_000, ""))
    assert completed["transcript"] == ""


def test_what_could_not_be_recognised_has_failed():
    some = items()
    *_, failed = some.final(final(1, 0, 8_000, "", failed=True, trouble="no luck"))
    assert failed["type"] == "conversation.item.input_audio_transcription.failed"
    assert failed["error"]["message"] == "no luck"


def test_a_client_commits_all_that_was_said_since_the_last_time():
    some = items(manual=True)
    assert some.started(started(1, 8_000)) == []
    assert deltas(some.partial(partial(1, 8_000, 24_000, "one two", 3))) == "one"
    assert some.ended(ended(1, 8_000, 30_000)) == []
    assert deltas(some.final(final(1, 8_000, 30_000, "one two."))) == " two."
    (third,) = some.partial(partial(2, 50_000, 60_000, "three four", 5))
    assert third["delta"] == " three"
    committed, added = some.commit(80_000)
    assert committed["item_id"] == third["item_id"] == added["item"]["id"]
    assert some.ended(ended(2, 50_000, 80_000, "flush")) == []
    rest, completed = some.final(final(2, 50_000, 80_000, "three four.", "flush"))
    assert rest["delta"] == " four."
    assert completed["transcript"] == "one two. three four."
    assert completed["usage"] == {"type": "duration", "seconds": 5.0}


def test_silence_that_is_committed_is_answered_too():
    some = items(manual=True)
    some.commit(16_000)
    (completed,) = some.final(final(1, 16_000, 16_000, "", "flush"))
    assert (completed["transcript"], completed["usage"]["seconds"]) == ("", 1.0)


def test_commits_that_wait_for_their_finals_are_told_apart():
    some = items(manual=True)
    first, _ = some.commit(16_000)
    second, _ = some.commit(48_000)
    # Partials and starts may overtake the final of an earlier utterance.
    early = some.partial(partial(2, 15_000, 40_000, "two and", 3))
    assert early[0]["item_id"] == second["item_id"]
    *_, one = some.final(final(1, 0, 16_000, "one", "flush"))
    *_, two = some.final(final(2, 15_000, 48_000, "two and", "flush"))
    assert (one["item_id"], one["transcript"]) == (first["item_id"], "one")
    assert (two["item_id"], two["transcript"]) == (second["item_id"], "two and")
    assert second["previous_item_id"] == first["item_id"]


def test_text_is_sent_in_the_order_of_utterances():
    some = items(manual=True)
    some.partial(partial(1, 0, 16_000, "one two", 3))
    assert some.partial(partial(2, 20_000, 30_000, "three four", 5)) == []
    assert deltas(some.final(final(1, 0, 16_000, "one two"))) == " two"
    assert deltas(some.partial(partial(2, 20_000, 32_000, "three four", 5))) == " three"


def test_a_client_may_commit_although_vad_does():
    some = items()
    (start,) = some.started(started(1, 0))
    committed, _ = some.commit(16_000)
    assert committed["item_id"] == start["item_id"]
    assert kinds(some.ended(ended(1, 0, 16_000, "flush"))) == ["speech_stopped"]
    assert kinds(some.final(final(1, 0, 16_000, "one", "flush"))) == ["delta", "completed"]
    assert some.started(started(2, 20_000))[0]["item_id"] != start["item_id"]


def test_an_utterance_that_ended_unseen_before_a_commit_belongs_to_it():
    some = items()
    committed, _ = some.commit(64_000)
    assert some.started(started(1, 0)) == []
    assert some.ended(ended(1, 0, 16_000)) == []
    (delta,) = some.final(final(1, 0, 16_000, "one"))
    (completed,) = some.final(final(2, 64_000, 64_000, "", "flush"))
    assert delta["item_id"] == completed["item_id"] == committed["item_id"]
    assert completed["transcript"] == "one"


@pytest.mark.parametrize("manual", [False, True])
def test_what_is_cleared_is_not_told(manual):
    some = items(manual=manual)
    some.started(started(1, 0))
    some.clear(16_000)
    assert some.partial(partial(1, 0, 16_000, "one two", 3)) == []
    assert some.ended(ended(1, 0, 16_000, "flush")) == []
    assert some.final(final(1, 0, 16_000, "one two", "flush")) == []
    some.partial(partial(2, 20_000, 30_000, "three four", 5))
    committed, _ = some.commit(40_000)
    *_, completed = some.final(final(2, 20_000, 40_000, "three four", "flush"))
    assert completed["transcript"] == "three four"
    assert committed["previous_item_id"] is None


def test_turn_detection_may_end_and_begin():
    some = items()
    some.started(started(1, 0))
    some.manual = True
    assert kinds(some.ended(ended(1, 0, 16_000))) == ["speech_stopped"]
    assert kinds(some.final(final(1, 0, 16_000, "one"))) == ["delta"]
    some.manual = False
    assert kinds(some.ended(ended(2, 20_000, 30_000))) == ["committed", "added"]
    *_, completed = some.final(final(2, 20_000, 30_000, "two"))
    assert completed["transcript"] == "one two"


@pytest.mark.parametrize(
    ("text", "sent", "rest"),
    [
        ("so my fellow Americans.", "so my", " fellow Americans."),
        ("So, my fellow Americans.", "so my", " fellow Americans."),
        ("we've got to go now then", "we have to go now", " then"),
        ("to go now", "we have to go now", ""),
        ("hello", "entirely other words", ""),
        ("天气很好", "今天气", "很好"),
        ("", "so", ""),
        ("so", "", "so"),
    ],
)
def test_the_rest_of_a_final_begins_behind_the_words_that_were_sent(text, sent, rest):
    assert unsent(text, sent) == rest


@given(st.text(max_size=40), st.text(max_size=40))
def test_the_rest_is_the_end_of_the_final(text, sent):
    assert text.endswith(unsent(text, sent))
    assert unsent(sent + text, sent) == text


def test_a_language_without_a_name_is_told_by_its_code():
    some = items()
    some.started(started(1, 1_600))
    some.ended(ended(1, 1_600, 17_600))
    welsh = replace(final(1, 1_600, 17_600, "bore da"), language="cy")
    assert some.final(welsh)[-1]["languages"] == [{"code": "cy"}]


def test_a_commit_whose_utterance_nobody_could_read_is_completed_before_the_next():
    some = items(manual=True)
    some.commit(SECOND)
    lost = some.final(final(1, 0, 0, "", "failed", failed=True))
    assert lost[-1]["item_id"] == "item_call_1"
    some.commit(2 * SECOND)
    (*_, completed) = some.final(final(2, SECOND, 2 * SECOND, "hello", "flush"))
    assert (completed["item_id"], completed["transcript"]) == ("item_call_2", "hello")
