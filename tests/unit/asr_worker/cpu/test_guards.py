"""Loops, doubled phrases and unfinished texts; how engines weigh them is in their test_pieces."""

from dataclasses import dataclass
from typing import Any, Self

import pytest

from asr_worker.cpu.guards import Written


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain(Written):
    def plausible(self, *, final: bool) -> bool:
        return self.sound

    def settled(self) -> Self:
        return self.once()


def written(text: str, **more: Any) -> Plain:
    facts: dict[str, Any] = {"tokens": [1], "logprob": -0.2, "complete": True}
    return Plain(text=text, **(facts | more))


@pytest.mark.parametrize("text", ["", "ask not what", "no, no, no", "What I do is what I do."])
def test_what_people_say_is_sound(text):
    assert written(text).sound


@pytest.mark.parametrize(
    "text",
    [
        "bell come quickly. " * 5,
        "One, two, three. One, two, three. " * 4,
        "And so my fellow Americans, and so my fellow Americans.",
    ],
)
def test_turning_in_circles_is_not(text):
    assert not written(text).sound


def test_a_text_without_its_end_is_not_sound_and_confirms_nothing():
    cut = written("ask not", complete=False)
    assert not cut.sound
    assert not cut.confirms(cut)
    assert written("ask not").confirms(written("ask not", logprob=-0.9))


def test_only_an_unfinished_loop_is_said_once():
    assert written("and then " * 30, complete=False).once().text == "and then"
    assert written("no " * 8).once().text == "no " * 8


def test_nothing_is_complete():
    nothing = written("Thank you.", complete=False).nothing()
    assert (nothing.text, nothing.tokens, nothing.complete) == ("", [], True)


@pytest.mark.parametrize(("text", "wordless"), [("", True), (". . .", True), ("♪ 2", False)])
def test_punctuation_is_no_word(text, wordless):
    assert written(text).wordless is wordless
