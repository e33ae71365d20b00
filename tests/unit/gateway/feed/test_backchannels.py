"""Which turns are only a listener's signs."""

import pytest

from gateway.feed.backchannels import LONGEST, is_backchannel


@pytest.mark.parametrize(
    "text",
    [
        "Mm-hmm.",
        "Yeah, right.",
        "OK",
        "I see.",
        "That's right.",
        "Vale, sí.",
        "por supuesto",
        "D'accord !",
        "Oui, oui.",
        "Ach so.",
        "Ja, genau.",
        "Va bene.",
        "Già.",
        "Ну да.",
        "Ещё бы!",
    ],
)
def test_short_signs_are_backchannels(text: str):
    assert is_backchannel(text, LONGEST)
    assert not is_backchannel(text, LONGEST + 1)


@pytest.mark.parametrize(
    "text",
    ["", "...", "Really?", "I see you.", "Okay, yes, right.", "No.", "see I", "Stop.", "Да, нет."],
)
def test_questions_and_other_words_are_none(text: str):
    assert not is_backchannel(text, 16_000)
