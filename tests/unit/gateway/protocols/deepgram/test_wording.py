"""Texts and their words without punctuation, with dictated marks, without profanity."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.pipeline.text import TimedWord
from gateway.protocols.deepgram.wording import Wording

BARE, DICTATED, CLEAN = Wording(bare=True), Wording(dictated=True), Wording(clean=True)
TOKENS = st.sampled_from(
    ["Hello,", "comma", "Period.", "new", "line", "question", "mark?", "\u2014", "[CVV]", "shit!"]
)


def timed(text: str) -> list[TimedWord]:
    return [TimedWord(each, at * 10, at * 10 + 10, 0.5) for at, each in enumerate(text.split())]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Hello, it's me \u2014 Beth.", "hello it's me beth"),
        ("\u201cWell-known,\u201d she said\u2026", "well-known she said"),
        ("It is $9.50, or 20%.", "it is $9.50 or 20%"),
        ("-5 and .5!", "-5 and .5"),
        ("Write to A.Lee@Example.com.", "write to a.lee@example.com"),
        ("It is [CREDIT_CARD:9855], [CVV].", "it is [CREDIT_CARD:9855] [CVV]"),
        ("It is [...]", "it is [...]"),
        ("\u4f60\u597d\uff0c\u4e16\u754c\u3002", "\u4f60\u597d\u4e16\u754c"),
        ("\u00bfQu\u00e9?", "qu\u00e9"),
        ("...", ""),
    ],
)
def test_without_punctuation_signs_and_capitals_are_gone(text, plain):
    assert BARE.text(text, None) == plain
    assert " ".join(each.text for each in BARE.words(timed(text), None)) == plain


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("Dear sir comma thank you period", "Dear sir, thank you."),
        ("Hello, comma, how are you, question mark?", "Hello, how are you?"),
        ("wait full stop then go exclamation point", "wait. Then go!"),
        ("two things colon tea semicolon milk", "two things: tea; milk"),
        ("first new line second New paragraph. third", "first\nSecond\n\nThird"),
        ("over a period of time, the comma", "over a period of time, the comma"),
        ("Comma", ","),
        ("mark the question", "mark the question"),
    ],
)
def test_names_of_marks_are_written_as_marks(said, written):
    assert DICTATED.text(said, "English") == written


def test_a_dictated_mark_is_a_part_of_the_word_before_it():
    words = DICTATED.words(timed("Hello comma you question mark"), "English")
    assert [(each.text, each.start, each.end) for each in words] == [
        ("Hello,", 0, 10),
        ("you?", 20, 30),
    ]


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("Oh, Shit! That", "Oh, ****! That"),
        ("bullshit, fucking assholes.", "****, **** ****."),
        ("the bastard's here", "the **** here"),
        ("Dick assessed the class in Scunthorpe", "Dick assessed the class in Scunthorpe"),
    ],
)
def test_profanity_is_written_with_asterisks(said, written):
    assert CLEAN.text(said, "English") == written


@pytest.mark.parametrize("wording", [DICTATED, CLEAN])
@pytest.mark.parametrize("language", ["German", None])
def test_other_languages_stay_as_they_are(wording, language):
    words = timed("comma shit")
    assert wording.text("comma shit", language) == "comma shit"
    assert wording.words(words, language) == words


@given(
    tokens=st.lists(TOKENS, max_size=12),
    wording=st.builds(Wording, bare=st.booleans(), dictated=st.booleans(), clean=st.booleans()),
)
def test_a_text_says_what_its_words_say(tokens, wording):
    text = " ".join(tokens)
    words = wording.words(timed(text), "English")
    assert wording.text(text, "English").split() == " ".join(each.text for each in words).split()
    assert all(one.end <= two.start for one, two in pairwise(words))
