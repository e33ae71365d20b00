"""What the end of a text says of its speaker."""

from dataclasses import replace
from typing import Any

import pytest

from common.languages import QWEN_BY_CODE
from common.options import SessionOptions
from common.pipeline.partial import PartialText
from gateway.endpointing.tail import SURE, Evidence, confidence, evidence, hint, patience
from gateway.endpointing.words import AT, DICTATED, DOT, OPEN


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("English", "I would like to cancel my order."),
        ("English", "Could you tell me where it comes from?"),
        ("English", "Yes."),
        ("English", '"That is all!"'),
        ("English", "I have two children."),
        ("English", "Two."),
        ("English", "Please come in."),
        ("English", "It is Ana@Example.com."),
        ("Spanish", "¿Puede repetirlo?"),
        ("French", "Je vous remercie."),
        ("Italian", "Va bene, grazie."),
        ("German", "Ich rufe wegen der Rechnung an."),
        ("Russian", "Спасибо, до свидания."),
        ("Italian", "È anna chiocciola esempio punto it."),
        ("English", "He lives in the U.S."),
        ("English", "It is ana@example dot com."),
        ("English", "Please write to ana@example and tell me about it."),
        ("Japanese", "ありがとうございます。"),
        (None, "Tak."),
    ],
)
def test_a_sentence_is_closed(language, text):
    assert evidence(text, language) is Evidence.CLOSED


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("English", "Can you please tell me the"),
        ("English", "Can you please tell me the."),
        ("English", "I was wondering if..."),
        ("English", "Well, um."),
        ("English", "First of all,"),
        ("English", "My address is ana dot"),
        ("Spanish", "Quisiera hablar con."),
        ("French", "Je voudrais parler à"),
        ("Italian", "Vorrei parlare con"),
        ("German", "Ich möchte mit der"),
        ("Russian", "Я хотел бы поговорить с"),
        ("Japanese", "それは、"),
        (None, "so…"),
    ],
)
def test_a_tail_that_asks_for_more_is_open(language, text):
    assert evidence(text, language) is Evidence.OPEN


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("English", "My number is five five five."),
        ("English", "It's 555-12."),
        ("English", "five, oh, seven"),
        ("English", "That is J-O-H."),
        ("English", "J. O."),
        ("English", "You can write to ana@example"),
        ("Spanish", "Mi número es seis cero."),
        ("French", "C'est le zéro six."),
        ("Italian", "tre due uno"),
        ("German", "null vier neun"),
        ("Russian", "восемь девять ноль"),
        ("Polish", "To jest 601."),
        ("French", "C'est R.I.R"),
        ("Spanish", "Equis, Equis, Ele."),
        ("Italian", "La mail è anna chiocciola esempio."),
        ("German", "Anna Klammeraffe Beispiel"),
    ],
)
def test_digits_and_letters_one_by_one_are_spelled(language, text):
    assert evidence(text, language) is Evidence.SPELLED


@pytest.mark.parametrize("text", ["hello there", "yes", "I have two"])
def test_a_mark_that_is_missing_where_the_language_has_them(text):
    assert evidence(text, "English") is Evidence.UNMARKED
    assert evidence(text, "Thai") is evidence(text, None) is Evidence.UNKNOWN


@pytest.mark.parametrize("text", ["", "  ", "...", "?"])
def test_no_words_say_nothing(text):
    assert evidence(text, "English") is Evidence.NOTHING


def test_a_language_without_words_of_its_own_has_its_marks():
    assert evidence("Chcę rozmawiać z.", "Polish") is Evidence.CLOSED


TURN = SessionOptions(endpointing="turn")
WAYS = (Evidence.CLOSED, Evidence.DOUBTED, Evidence.UNMARKED, Evidence.OPEN, Evidence.NOTHING)


def silences(**options: Any) -> list[float]:
    return [round(patience(each, replace(TURN, **options)), 3) for each in WAYS]


def test_what_is_over_takes_half_the_silence_and_what_is_not_twice():
    assert silences() == [0.4, 0.8, 1.2, 1.6, 1.6]


def test_a_call_may_say_how_little_and_how_much_silence_a_turn_has():
    assert silences(min_turn_silence=0.2) == [0.2, 0.8, 1.2, 1.6, 1.6]
    assert silences(max_turn_silence=1.0) == [0.4, 0.8, 1.0, 1.0, 1.0]
    assert silences(max_turn_silence=0.3) == [0.3, 0.3, 0.3, 0.3, 0.3]
    assert silences(min_turn_silence=1.0, max_turn_silence=5) == [1.0, 1.0, 1.2, 5, 5]


@pytest.mark.parametrize("found", WAYS)
def test_no_pause_is_shorter_than_the_recogniser_counts_on(found):
    assert patience(found, TURN) >= TURN.turn_silence[0]


def paused(text: str, mark: float | None = None) -> PartialText:
    """Return what is told of a pause whose speech ends at 5 s."""
    return PartialText(0, 80_000, text, 0, "English", paused=True, mark=mark)


def test_a_hint_says_when_a_pause_is_likely_the_end():
    found = hint(1, 7, paused("That is all."), TURN)
    assert (found.channel, found.utterance, found.end) == (1, 7, 80_000)
    assert (found.silence, found.text, found.evidence) == (6_400, "That is all.", "closed")
    assert confidence(found.eager, found.silence) == pytest.approx(0.5, abs=0.001)
    said = paused("That is all.")
    assert hint(1, 7, said, replace(TURN, eager_threshold=0)).eager == 1
    assert hint(1, 7, said, replace(TURN, eager_threshold=SURE)).eager == 0
    assert hint(1, 7, paused("?"), TURN).eager == 0


@pytest.mark.parametrize(
    ("answer", "found", "silence"),
    [
        (Evidence.FILLED, "filled", 6_400),
        (Evidence.AWAITED, "awaited", 48_000),
        (None, "closed", 6_400),
    ],
)
def test_an_expected_answer_is_waited_for(answer, found, silence):
    told = hint(0, 1, paused("That is all."), TURN, answer)
    assert (told.evidence, told.silence) == (found, silence)


def test_silence_alone_waits_for_an_expected_answer_too():
    silence = SessionOptions(silence_threshold=0.6, expect="digits 10")
    assert patience(Evidence.AWAITED, silence) == 3.0
    assert patience(Evidence.FILLED, silence) == 0.6


@pytest.mark.parametrize(
    ("text", "mark", "found"),
    [
        ("That is all.", 0.95, "closed"),
        ("That is all.", 0.4, "doubted"),
        ("That is all.", None, "closed"),
        ("That is all", 0.95, "unmarked"),
        ("That is the.", 0.95, "open"),
        ("four five.", 0.95, "spelled"),
        ("", None, "nothing"),
    ],
)
def test_a_mark_counts_if_its_recogniser_is_sure_of_it(text, mark, found):
    assert hint(0, 1, paused(text, mark=mark), TURN).evidence == found


def test_confidence_grows_with_the_silence_and_is_the_same_where_turns_end():
    assert [round(confidence(each, 8), 3) for each in (0, 4, 8, 16)] == [0, 0.452, SURE, 0.91]


def test_the_words_are_of_known_languages_and_each_is_one_as_it_is_compared():
    assert OPEN.keys() == DICTATED.keys() <= set(QWEN_BY_CODE.values())
    assert AT.keys() < DOT.keys() == OPEN.keys()
    for words in (*OPEN.values(), *DICTATED.values(), *AT.values(), *DOT.values()):
        assert all(word == word.casefold().strip(".?!") for word in words)
