"""What Whisper's results are believed to mean, without a model."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from asr_worker.api import DecodeRequest, Priority
from asr_worker.cpu.clips import Heard
from asr_worker.whisper.pieces import Clip, Piece
from asr_worker.whisper.windows import Window
from common.audio import SAMPLE_RATE

MODEL: Any = SimpleNamespace(multilingual=False)


def piece(text: str, **more: Any) -> Piece:
    facts: dict[str, Any] = {"tokens": [1], "logprob": -0.2, "no_speech": 0.1, "complete": True}
    spoken = SimpleNamespace(language_code="en")
    return Piece(
        text=text, model=MODEL, tokenizer=spoken, encoded=None, frames=100, **(facts | more)
    )


@pytest.mark.parametrize("final", [False, True])
@pytest.mark.parametrize("text", ["ask not what", "no, no, no", "What I do is what I do."])
def test_a_likely_text_is_believed(text, final):
    assert piece(text).plausible(final=final)


LOOPING = [
    piece("ask not", complete=False),
    piece("bell come quickly. " * 5),
    piece("One, two, three. One, two, three. " * 4),
    piece("And so my fellow Americans, and so my fellow Americans."),
]
UNLIKELY = [piece("ask not", logprob=-1.2), piece(".")]


@pytest.mark.parametrize("doubtful", LOOPING + UNLIKELY)
def test_another_attempt_is_made_at_a_final(doubtful):
    assert not doubtful.plausible(final=True)


@pytest.mark.parametrize("doubtful", LOOPING)
def test_another_attempt_is_made_at_a_partial_that_says_too_much(doubtful):
    assert not doubtful.plausible(final=False)


@pytest.mark.parametrize("doubtful", UNLIKELY)
def test_what_the_next_partial_corrects_is_shown(doubtful):
    assert doubtful.plausible(final=False)


def test_a_phrase_that_two_windows_hear_twice_was_said_twice():
    twice = piece("Call me back, call me back.")
    assert twice.confirms(piece(twice.text, logprob=-0.4))
    assert not twice.confirms(piece("Call me back."))


def test_what_has_no_end_is_never_confirmed():
    runaway = piece("and then " * 30, complete=False)
    assert not runaway.confirms(runaway)


def test_of_two_the_one_that_ends_and_says_nothing_twice_is_better():
    once, twice = piece("Call me back.", logprob=-0.9), piece("Call me back. Call me back.")
    endless = piece("Call me", complete=False)
    assert once.rank > twice.rank > endless.rank


@pytest.mark.parametrize(
    "silence",
    [
        piece("Thank you.", no_speech=0.7, logprob=-0.93),
        piece(". . . .", no_speech=0.9, complete=False, logprob=-0.1),
        piece("."),
    ],
)
def test_silence_is_settled_as_nothing(silence):
    assert silence.settled().text == ""
    assert silence.settled().complete


def test_what_is_heard_clearly_stays_though_there_may_be_silence():
    assert piece("Yes.", no_speech=0.7, logprob=-0.3).settled().text == "Yes."


def test_a_runaway_loop_is_settled_as_its_first_turn():
    runaway = piece("He said so. " + "and then " * 30, complete=False)
    assert runaway.settled().text == "He said so. and then"
    assert not runaway.settled().complete


def test_a_loop_that_ended_by_itself_was_said():
    assert piece("no " * 8).settled().text == "no " * 8


def heard(*, final: bool) -> Heard:
    audio = np.zeros(SAMPLE_RATE, np.float32)
    return Heard(
        DecodeRequest(utterance="u", audio=audio, priority=Priority.FINAL, final=final), "en"
    )


def clip(attempts: int, *, final: bool = True) -> Clip:
    features = np.zeros((80, 100), np.float32)
    windows = [Window(400, 400)] * attempts
    return Clip(
        heard=heard(final=final),
        start=0,
        length=SAMPLE_RATE,
        features=features,
        windows=windows,
        model=MODEL,
    )


def test_a_plausible_piece_ends_the_attempts():
    once = clip(2)
    once.hear(piece("ask not what"))
    assert not once.wants_more


def test_the_best_of_all_attempts_counts():
    doubtful = clip(2)
    for text, logprob in (("a", -1.3), ("b", -1.1), ("c", -1.2)):
        assert doubtful.wants_more
        doubtful.hear(piece(text, logprob=logprob))
        del doubtful.windows[:1]
    assert doubtful.best is not None
    assert doubtful.best.text == "b"
    assert doubtful.wants_more is False


def test_what_two_windows_agree_on_is_not_tried_again():
    twice = clip(2)
    for _ in range(2):
        assert twice.wants_more
        twice.hear(piece("Call me back, call me back."))
    assert not twice.wants_more


def test_doubtful_words_in_an_assumed_language_are_tried_in_another_and_are_not_stable():
    assumed = clip(0)
    assumed.assumed = True
    assumed.hear(piece("if it is united", logprob=-0.7))
    assert assumed.looks
    assert assumed.wants_more
    assert not assumed.heard.hypothesis().complete


def test_clear_words_in_an_assumed_language_are_not_tried_in_another():
    assumed = clip(2)
    assumed.assumed = True
    assumed.hear(piece("ask not what", logprob=-0.3))
    assert not assumed.looks
    assert not assumed.wants_more
    said = assumed.heard
    assert said.language == "en"
    assert said.confidence is not None
    assert said.confidence > 0.95


def test_too_little_audio_tells_no_language():
    short = clip(0)
    short.assumed, short.long_enough = True, False
    short.hear(piece("if", logprob=-0.7))
    assert not short.looks
    assert not short.wants_more
    assert not short.heard.hypothesis().complete


@pytest.mark.parametrize(("logprob", "said"), [(-1.3, ""), (-0.5, "Пароль")])
def test_where_the_first_model_hears_no_speech_the_other_must_be_sure(logprob: float, said: str):
    assumed = clip(2)
    assumed.assumed = True
    assumed.hear(piece("you", logprob=-1.3, no_speech=0.9))
    assumed.assumed, assumed.best = False, None
    best = heard_by(assumed, piece("Пароль", logprob=logprob, no_speech=0.4))
    assert best.settled().text == said
    assert not assumed.wants_more


def heard_by(listening: Clip, attempt: Piece) -> Piece:
    listening.hear(attempt)
    assert listening.best is not None
    return listening.best
