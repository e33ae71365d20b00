"""What the end of a text says of its speaker."""

import pytest

from common.languages import QWEN_BY_CODE
from common.pipeline.control import SHORTEST_PAUSE
from gateway.endpointing.tail import FACTORS, Evidence, evidence, patience
from gateway.endpointing.words import DIGITS, OPEN


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
    ],
)
def test_digits_and_letters_one_by_one_are_spelled(language, text):
    assert evidence(text, language) is Evidence.SPELLED


@pytest.mark.parametrize("text", ["hello there", "yes", "I have two"])
def test_a_mark_that_is_missing_where_the_language_has_them(text):
    assert evidence(text, "English") is Evidence.UNMARKED
    assert evidence(text, "Thai") is evidence(text, None) is Evidence.NOTHING


@pytest.mark.parametrize("text", ["", "  ", "...", "?"])
def test_no_words_say_nothing(text):
    assert evidence(text, "English") is Evidence.NOTHING


def test_a_language_without_words_of_its_own_has_its_marks():
    assert evidence("Chcę rozmawiać z.", "Polish") is Evidence.CLOSED


def test_what_is_over_takes_half_the_silence_and_what_is_not_twice():
    assert patience("That is all.", "English", 0.8) == pytest.approx(0.4)
    assert patience("That is all", "English", 0.8) == pytest.approx(1.2)
    assert patience("", "English", 0.8) == pytest.approx(0.8)
    assert patience("That is the", "English", 0.8) == pytest.approx(1.6)


def test_the_words_are_of_known_languages_and_each_is_one_as_it_is_compared():
    assert OPEN.keys() == DIGITS.keys() <= set(QWEN_BY_CODE.values())
    for words in (*OPEN.values(), *DIGITS.values()):
        assert all(word == word.casefold().strip(".?!") for word in words)


def test_every_evidence_has_its_factor_and_none_is_below_what_the_recogniser_counts_on():
    assert FACTORS.keys() == set(Evidence)
    assert min(FACTORS.values()) == SHORTEST_PAUSE
