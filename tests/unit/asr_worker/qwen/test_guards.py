"""Token limits, runaway repetition and echoes of the context."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_worker.qwen.guards import is_echo, token_limit, untangled
from common.audio import SAMPLE_RATE, FloatArray

# --- how long an answer may be


def test_the_limit_grows_with_the_audio_up_to_the_most():
    assert token_limit(0.0, 1000) == 16
    assert token_limit(1.0, 1000) == 46
    assert token_limit(10.01, 1000) == 317
    assert token_limit(60.0, 1000) == 1000


def test_the_fastest_speech_of_any_language_fits():
    # The first article of the Universal Declaration at 300 English words a minute.
    tokens = {"English": 33, "Chinese": 27, "Thai": 79, "Greek": 163, "Hindi": 171}
    assert max(tokens.values()) + len(["language", "Hindi", "tag", "end"]) <= token_limit(6.0, 1000)


# --- repetition


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no no no no",
        "ha ha ha ha ha ha ha ha",
        "0 0 0 0 0 0",
        "my number is 0 0 0 0 0 0",
        "0000000",
        "好好好",
        "ไม่ ไม่ ไม่ ไม่",
        "no, no, no, no, no",
        "New York, New York, New York",
        "yes yes yes and no no no and yes yes yes and no no no",
    ],
)
@pytest.mark.parametrize("complete", [True, False])
def test_what_people_do_say_stays(text: str, complete: bool):
    assert untangled(text, complete) == text


@pytest.mark.parametrize("repeats", [20, 21, 50])
@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "好",
        "ha",
        "no ",
        "我说",
        "thank you ",
        "ครับ",
        "नमस्ते ",
        "👍🏽",
        "شكرا ",
        "Your call is important to us, so please stay on the line until we answer. Bye! ",
    ],
)
def test_a_loop_is_cut_to_one_occurrence(unit: str, repeats: int):
    once = untangled("Well, " + unit * repeats + "|then", True)
    assert once == f"Well, {unit}|then"


def test_nineteen_times_are_not_yet_a_loop():
    assert untangled("ab" * 19, True) == "ab" * 19
    assert untangled("ab" * 20, True) == "ab"


def test_more_than_eighty_characters_are_not_looked_for():
    unit = "".join(chr(0x4E00 + at) for at in range(81))
    assert untangled(unit * 20, True) == unit * 20
    assert untangled(unit[:80] * 20, True) == unit[:80]


def test_several_loops_and_loops_in_loops():
    assert untangled("ha " * 30 + "so " + "no " * 30 + "yes", True) == "ha so no yes"
    assert untangled(("a" * 25 + "b") * 25, True) == "ab"
    assert untangled("ab" * 20 + "cb" * 20, True) == "abcb"


def test_words_around_a_loop_stay_whole():
    assert untangled("so " + "no " * 30 + "not", True) == "so no not"
    assert untangled("goo" + "o" * 30 + " morning", True) == "go morning"


def test_the_raw_answer_keeps_its_header():
    raw = "language English<asr_text>" + "you " * 40
    assert untangled(raw, True) == "language English<asr_text>you "
    assert untangled("language None<asr_text>" * 30, True) == "language None<asr_text>"


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("so " + "no " * 10, "so no"),
        ("so " + "no " * 30, "so no"),
        ("so" + " no" * 10 + " n", "so no"),
        ("I said " + "I'm going to the store. " * 4 + "I'm goi", "I said I'm going to the store."),
        ("他说" + "我们去商店吧。" * 6 + "我们\ufffd", "他说我们去商店吧。"),
        ("嗯" + "好" * 10, "嗯好"),
        ("ที่นี่" + "ครับ" * 10 + "ค", "ที่นี่ครับ"),
        ("ha " * 30 + "so " + "no " * 12, "ha so no"),
    ],
)
def test_a_text_at_its_limit_loses_a_shorter_loop_at_its_end(text: str, cut: str):
    assert untangled(text, False) == cut
    assert "no " * 10 not in cut


@pytest.mark.parametrize(
    "text",
    [
        "no " * 10 + "yes",
        "We went home. " * 4 + "Then",
        "so" + " no" * 9,
        "We went all the way home. " * 3,
    ],
)
def test_a_text_at_its_limit_keeps_what_it_does_not_end_with(text: str):
    assert untangled(text, False) == text


@given(
    st.text("ab 好", max_size=8),
    st.text("ab 好é", min_size=1, max_size=12),
    st.integers(1, 45),
    st.text("ab 好", max_size=8),
    st.booleans(),
)
def test_no_loop_survives_and_nothing_else_goes(before, unit, repeats, after, complete):
    text = before + unit * repeats + after
    result = untangled(text, complete)
    assert set(result) <= set(text)
    assert len(result) <= len(text)
    if complete and repeats < 20 and not any(each * 7 in text for each in "ab 好é"):
        assert untangled(result, True) == result
    if repeats >= 20:
        assert len(result) <= len(before) + len(after) + 21 * len(unit)
        assert unit * 20 not in result


@given(st.text("ab ", max_size=19))
def test_short_texts_stay(text: str):
    assert untangled(text, True) == text


@pytest.mark.timeout(20)
@pytest.mark.parametrize("unit", ["a", "ab", "a" * 19 + "b", "x" * 81, "a b  c   d"])
@pytest.mark.parametrize("complete", [True, False])
def test_hostile_texts_take_linear_time(unit: str, complete: bool):
    text = (unit * (100_000 // len(unit)))[:100_000]
    assert len(untangled(text, complete)) <= len(text)


# --- echoes

SYSTEM = (
    "Call with Acme Billing about the Zürich contract.\nKubernetes, 云服务器, Grüße, ชื่อเสียง, مُحَمَّد"
)


def tone(seconds: float, dbfs: float) -> FloatArray:
    """Return a 440 Hz tone whose power is `dbfs` (0 is a square wave at full scale)."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave: FloatArray = np.sin(2 * np.pi * 440 * time, dtype=np.float32)
    return wave * np.float32(math.sqrt(2) * 10 ** (dbfs / 20))


@pytest.mark.parametrize(
    "text", ["Kubernetes.", "acme billing", "ABOUT the", "服务", "grüsse", "ชื่อ", "محمد", SYSTEM]
)
def test_the_context_said_over_silence_is_an_echo(text: str):
    assert is_echo(text, SYSTEM, tone(30.0, -51.0))
    assert not is_echo(text, SYSTEM, tone(30.0, -49.0))


@pytest.mark.parametrize(
    "text",
    ["", "...", "Uh huh.", "bill", "Acme about", "Kubernetes Acme", "务云", "Acme Billing yes"],
)
def test_anything_else_over_silence_is_not(text: str):
    assert not is_echo(text, SYSTEM, tone(2.0, -90.0))
    assert not is_echo(text, "", tone(2.0, -90.0))


def test_one_loud_tenth_of_a_second_is_a_voice():
    audio = np.zeros(5 * SAMPLE_RATE, np.float32)
    assert is_echo("Kubernetes", SYSTEM, audio)
    audio[33_333 : 33_333 + SAMPLE_RATE // 10] = tone(0.1, -40.0)
    assert not is_echo("Kubernetes", SYSTEM, audio)


def test_more_than_anybody_could_say_is_an_echo():
    said = "Call with Acme Billing about the Zürich contract"
    assert is_echo(said, SYSTEM, tone(0.6, -20.0))
    assert not is_echo(said, SYSTEM, tone(0.8, -20.0))
    assert is_echo("云服务器", SYSTEM, tone(0.1, -20.0))
    assert not is_echo("云服务器", SYSTEM, tone(0.2, -20.0))
    assert is_echo("Kubernetes", SYSTEM, tone(0.0, -20.0))
    # Too fast, but nothing that the context says.
    assert not is_echo("Thank you for watching", SYSTEM, tone(0.1, -20.0))


def test_a_caller_who_says_a_keyword_is_heard():
    assert not is_echo("Kubernetes", SYSTEM, tone(0.5, -45.0))


@pytest.mark.timeout(20)
def test_a_long_context_takes_linear_time():
    assert not is_echo("a " * 50_000 + "b", "a " * 100_000, tone(1.0, -90.0))
