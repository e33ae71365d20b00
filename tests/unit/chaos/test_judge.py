from dataclasses import replace

import pytest

from tests.chaos.judge import Spoken, judge

TRUTH = [
    Spoken(0, 1, 0.5, 2.0, "one two three"),
    Spoken(1, 1, 0.7, 3.0, "four five"),
    Spoken(0, 2, 3.0, 5.0, "six seven eight nine"),
    Spoken(0, 3, 6.0, 6.0, ""),
]
FIRST, OTHER, SECOND, EMPTY = TRUTH


def counts(heard, *, texts=True):
    verdict = judge(TRUTH, heard, texts=texts)
    assert bool(verdict.wrong) is bool(verdict.first)
    return verdict.lost, verdict.doubled, verdict.reordered, verdict.changed


def test_nothing_wrong():
    assert counts(TRUTH) == (0, 0, 0, 0)
    assert judge(TRUTH, TRUTH).words == 10


def test_channels_may_mix():
    assert counts([OTHER, FIRST, SECOND, EMPTY]) == (0, 0, 0, 0)


def test_a_lost_utterance():
    assert counts([FIRST, OTHER, EMPTY]) == (4, 0, 0, 0)


def test_a_lost_answer_to_a_flush():
    assert counts([FIRST, OTHER, SECOND]) == (1, 0, 0, 0)


def test_an_utterance_told_twice():
    assert counts([FIRST, OTHER, FIRST, SECOND, EMPTY])[1] == 3


def test_an_utterance_that_never_was():
    assert counts([*TRUTH, Spoken(0, 4, 7.0, 8.0, "ten")]) == (0, 1, 0, 0)


def test_utterances_out_of_order():
    assert counts([SECOND, OTHER, FIRST, EMPTY]) == (0, 0, 3, 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("six seven eight", (1, 0, 0, 0)),
        ("six seven seven eight nine", (0, 1, 0, 0)),
        ("six seven ate nine", (0, 0, 0, 1)),
        ("six seven nine and", (1, 0, 0, 1)),
        ("", (3, 0, 0, 1)),
    ],
)
def test_words_of_an_utterance(text: str, expected: tuple[int, int, int, int]):
    assert counts([FIRST, OTHER, replace(SECOND, text=text), EMPTY]) == expected


def test_an_utterance_elsewhere():
    assert counts([FIRST, OTHER, replace(SECOND, start=3.032), EMPTY]) == (0, 0, 0, 4)


def test_texts_may_be_left_out():
    about = [FIRST, OTHER, replace(SECOND, text="six and a half"), EMPTY]
    assert counts(about, texts=False) == (0, 0, 0, 0)
    assert counts(about)[3] > 0
    assert counts(about[:2], texts=False) == (5, 0, 0, 0)
    assert counts([FIRST, OTHER, replace(SECOND, start=3.032), EMPTY], texts=False)[3] == 4


LONG = Spoken(0, 4, 7.0, 12.0, " ".join("abcdefghijklmnopqrst"))


@pytest.mark.parametrize(
    ("text", "stayed", "wrong"),
    [
        ("a b X Y e f g h i j k l m n o p q r s t", 2, 0),
        ("a b X d e f g h i j k l m n o p q r s Y", 2, 0),
        ("a b c d A B C D E F G l m n o p q r s t", 0, 7),
        ("a b d e f g h i j k l m n o p q r s t", 0, 1),
        ("a b c c d e f g h i j k l m n o p q r s t", 0, 1),
    ],
)
def test_some_words_may_stay_as_partials_had_shown_them(text: str, stayed: int, wrong: int):
    verdict = judge([LONG], [replace(LONG, text=text)], shown=True)
    assert (verdict.stayed, verdict.wrong) == (stayed, wrong)
    assert bool(verdict.first) is bool(wrong)
    assert judge([LONG], [replace(LONG, text=text)]).wrong == stayed + wrong
