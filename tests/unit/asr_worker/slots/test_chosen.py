"""Yes or no, and one of a list."""

import pytest

from asr_worker.slots.chosen import choice, decision
from asr_worker.slots.line import Line


@pytest.mark.parametrize(
    ("text", "language", "said"),
    [
        ("Yes, please.", "English", {"yes"}),
        ("Yeah.", "English", {"yes"}),
        ("That's right.", "English", {"yes"}),
        ("No, I don't think so.", "English", {"no"}),
        ("No, I don’t.", "English", {"no"}),
        ("Yes and no.", "English", {"yes", "no"}),
        ("Well.", "English", set()),
        ("Sí, claro.", "Spanish", {"yes"}),
        ("Nein.", "German", {"no"}),
        ("Да.", "Russian", {"yes"}),
        ("yes", None, {"yes"}),
        ("yes", "Czech", {"yes"}),
        ("Yes, sorry, no.", "English", {"yes", "corrects", "no"}),
    ],
)
def test_yes_and_no_are_told_apart(text, language, said):
    assert {each.text or each.mark for each in decision(Line(text, language))} == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("By credit card, please.", ["credit card"]),
        ("By card.", ["card"]),
        ("a bank-transfer", ["Bank transfer"]),
        ("a bank transfur", ["Bank transfer"]),
        ("a bank transfer, sorry, a card", ["Bank transfer", "corrects", "card"]),
        ("No. By card.", ["card"]),
        ("By cardboard.", []),
        ("Not at all.", []),
        ("", []),
    ],
)
def test_a_choice_is_found_by_its_words_or_by_words_like_them(text, said):
    wanted = ("card", "credit card", "Bank transfer")
    assert [each.text or each.mark for each in choice(Line(text, "English"), wanted)] == said


def test_words_that_are_as_like_to_two_choices_are_none():
    assert list(choice(Line("marta", "English"), ("marla", "marda"))) == []


def test_a_choice_is_as_sure_as_its_least_sure_word():
    (said,) = choice(Line("by credit card", "English", (0.9, 0.5, 0.75)), ("credit card",))
    assert said.sure == (0.5,) * len("credit card")
