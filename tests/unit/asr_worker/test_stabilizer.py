"""Stability of partials: agreement, monotonicity, scripts without spaces, contradiction."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_worker.stabilizer import AGREED, StabilizedText, Stabilizer


def shown(*texts: str) -> list[tuple[str, str]]:
    """Feed complete hypotheses; return (stable part, rest) of each partial."""
    stabilizer = Stabilizer()
    partials = [stabilizer.update(text, True, n * AGREED) for n, text in enumerate(texts)]
    return [
        (partial.text[: partial.stable], partial.text[partial.stable :]) for partial in partials
    ]


def test_one_hypothesis_alone_is_not_stable():
    assert shown("Ask not what") == [("", "Ask not what")]


def test_two_that_agree_make_all_but_the_last_word_stable():
    assert shown("Ask not", "Ask not what your")[1] == ("Ask not", " what your")
    assert shown("Ask not what", "Ask not what")[1] == ("Ask not", " what")


def test_agreement_must_last():
    stabilizer = Stabilizer()
    assert stabilizer.update("ask not what", True, 0).stable == 0
    assert stabilizer.update("ask not what", True, AGREED - 1).stable == 0
    assert stabilizer.update("ask not what your", True, AGREED).stable == len("ask not what")
    # A word that came later has its own time.
    assert stabilizer.update("ask not what your", True, AGREED + 1).stable == len("ask not what")
    assert stabilizer.update("ask not what your uncle", True, 2 * AGREED).stable == len(
        "ask not what your"
    )


def test_a_final_that_contradicts_stable_words_continues_them():
    stabilizer = Stabilizer()
    assert stabilizer.settled("Had he married", AGREED) == "Had he married"
    for at in (0, AGREED):
        stabilizer.update("how do you marry the more", True, at)
    assert stabilizer.settled("Had he married a more amiable woman.", AGREED) == (
        "how do you marry the more amiable woman."
    )
    assert (
        stabilizer.settled("How do you marry, the woman?", AGREED) == "How do you marry, the woman?"
    )
    assert stabilizer.settled("", AGREED) == "how do you marry the"


def test_words_that_were_first_heard_behind_the_end_are_not_the_finals():
    """VAD was away, and the recogniser heard the next utterance in this one."""
    stabilizer = Stabilizer()
    for at in (0, AGREED):
        stabilizer.update("ask not what", True, at)
    for at in (2 * AGREED, 3 * AGREED):
        shown = stabilizer.update("ask not what your uncle can", True, at)
    assert shown.text[: shown.stable] == "ask not what your uncle"
    assert stabilizer.settled("ask nuts what.", 2 * AGREED - 1) == "ask not what."
    assert stabilizer.settled("ask nuts what.", 2 * AGREED).startswith("ask not what your uncle")


@pytest.mark.parametrize(("end", "final"), [(AGREED - 1, "how he"), (AGREED, "how do you")])
def test_so_it_is_where_a_former_owner_heard_them(end, final):
    stabilizer = Stabilizer(stable="how do you", end=2 * AGREED)
    assert stabilizer.settled("how he", end) == final


def test_what_a_former_owner_showed_as_stable_stays():
    stabilizer = Stabilizer(stable="how do you marry")
    assert stabilizer.update("how do he marry her", True, AGREED) == StabilizedText(
        "how do you marry her", len("how do you marry")
    )


def test_words_that_may_belong_to_the_next_utterance_are_not_stable():
    stabilizer = Stabilizer(until=AGREED)
    stabilizer.update("ask not", True, 0)
    stabilizer.update("ask not what your", True, AGREED + 1)
    later = stabilizer.update("ask not what your country", True, 3 * AGREED)
    assert later.stable == len("ask not")


def test_case_and_punctuation_do_not_break_agreement_and_closing_marks_stay_open():
    first, second, third = shown(
        "so my fellow", "So, my fellow. Americans", "So, my fellow Americans"
    )
    assert first == ("", "so my fellow")
    assert second == ("So, my fellow", ". Americans")
    assert third == ("So, my fellow", " Americans")


def test_disagreement_holds_stability_back():
    assert [stable for stable, _ in shown("a b c", "a x c", "a x c d")] == ["", "a", "a x c"]


def test_each_hypothesis_is_compared_with_the_one_before_only():
    assert [stable for stable, _ in shown("a b c", "x y z", "a b c")] == ["", "", ""]


def test_an_incomplete_hypothesis_adds_nothing():
    stabilizer = Stabilizer()
    stabilizer.update("ask not what", True, 0)
    assert stabilizer.update("ask not what what what", False, AGREED) == StabilizedText(
        "ask not what what what", 0
    )
    assert stabilizer.update("ask not what your", True, 2 * AGREED).stable == len("ask not what")


def test_scripts_without_spaces_go_by_character():
    assert shown("今天天", "今天天气很")[1] == ("今天天", "气很")
    assert shown("今天天气", "今天天气。")[1] == ("今天天", "气。")
    # A Thai vowel sign belongs to its consonant.
    assert shown("ที่นี่", "ที่นี่ดี")[1] == ("ที่นี่", "ดี")


def test_a_contradiction_is_continued_behind_the_stable_words():
    stable, rest = shown("we have to go", "we have to go now", "we've got to go now then")[2]
    assert (stable, rest) == ("we have to go now", " then")


def test_a_shorter_or_empty_hypothesis_leaves_the_stable_words():
    assert shown("we have to", "we have to go", "we")[2] == ("we have to", "")
    assert shown("we have to", "we have to go", "")[2] == ("we have to", "")


@pytest.mark.parametrize(
    "third",
    [
        "one three four five six seven eight",
        "one two two three four five six seven eight",
        "won too free four five six seven eight",
    ],
)
def test_dropped_doubled_and_changed_words_are_realigned(third: str):
    base = "one two three four five six"
    assert shown(base, base + " seven", third)[2] == (base + " seven", " eight")


def test_alignment_reaches_back_a_bounded_number_of_words():
    words = [f"w{number}" for number in range(300)]
    text = " ".join(words)
    stable, rest = shown(text + " x", text + " x", "other start " + text + " x y")[2]
    assert (stable, rest) == (text + " x", " y")


WORDS = st.sampled_from(
    ["so", "So,", "my", "fellow", "Americans.", "ask", "-", "气", "天", "ที่", "e\u0301", "…"]
)
TEXTS = st.lists(st.tuples(WORDS, st.sampled_from([" ", "", "  "])), max_size=12).map(
    lambda pairs: "".join(word + space for word, space in pairs).strip()
)


def spelled(text: str) -> str:
    normal = unicodedata.normalize("NFKC", text).casefold()
    return "".join(each for each in normal if each.isalnum())


@given(st.lists(st.tuples(TEXTS, st.booleans()), max_size=8))
def test_stability_never_decreases_and_stable_text_never_changes(updates: list[tuple[str, bool]]):
    stabilizer = Stabilizer()
    before = StabilizedText("", 0)
    for number, (text, complete) in enumerate(updates):
        partial = stabilizer.update(text, complete, number * AGREED)
        assert before.stable <= partial.stable <= len(partial.text)
        assert partial.text.startswith(before.text[: before.stable])
        if not complete:
            assert partial.stable == before.stable
        final = spelled(stabilizer.settled(text, len(updates) * AGREED))
        assert final.startswith(spelled(partial.text[: partial.stable]))
        before = partial


@given(st.lists(st.sampled_from(["so", "my", "fellow", "ask"]), min_size=1, max_size=20))
def test_a_growing_text_is_shown_as_it_is_and_becomes_stable(words: list[str]):
    stabilizer = Stabilizer()
    for count in range(1, len(words) + 1):
        text = " ".join(words[:count])
        partial = stabilizer.update(text, True, count * AGREED)
        assert partial.text == text
        assert partial.stable == len(" ".join(words[: count - 1]))
