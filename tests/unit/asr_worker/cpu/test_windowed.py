"""Recognising window by window, apart from any model."""

import gc
import weakref
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from asr_worker.api import DecodeRequest, LanguageUnsupported, Priority
from asr_worker.cpu.clips import Clip, Heard
from asr_worker.cpu.windowed import WindowedRecogniser
from asr_worker.cpu.word_times import Aligned


class Deaf(WindowedRecogniser[Clip[Any]]):
    """Knows no language."""

    def heard(self, request: DecodeRequest) -> Heard:
        raise LanguageUnsupported(f"language {request.language!r}: this model knows none")

    def clip(self, heard: Heard, start: int, end: int) -> Clip[Any] | None:
        raise AssertionError

    def encode(self, clip: Clip[Any]) -> Hashable:
        raise AssertionError

    def generate(self, alike: Sequence[Clip[Any]]) -> None:
        raise AssertionError

    def align(self, piece: Any, offset: float, duration: float) -> Aligned:
        raise AssertionError


def test_a_request_in_an_unknown_language_is_refused_and_its_audio_is_not_kept():
    """A call of it is refused with every decode; cycles are collected seldom."""
    audio = np.zeros(16_000, np.float32)
    gone = weakref.ref(audio)
    request = DecodeRequest(utterance="u", audio=audio, priority=Priority.FINAL, language="German")
    gc.disable()
    try:
        steps = Deaf().steps([request])
        try:
            next(steps)
        except StopIteration as end:
            (outcome,) = end.value
        assert isinstance(outcome, LanguageUnsupported)
        assert "knows none" in str(outcome)
        del steps, request, audio, outcome
        assert gone() is None
    finally:
        gc.enable()
