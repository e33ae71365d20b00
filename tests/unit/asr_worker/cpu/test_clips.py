"""Windows joined to one hypothesis; attempts: `tests/unit/asr_worker/whisper/test_pieces.py`."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from asr_worker.api import DecodeRequest, Priority
from asr_worker.cpu.clips import Heard
from asr_worker.cpu.guards import Written
from common.audio import SAMPLE_RATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Believed(Written):
    def plausible(self, *, final: bool) -> bool:
        return True

    def settled(self) -> Self:
        return self


def piece(text: str, *, complete: bool = True) -> Written:
    return Believed(tokens=[1], text=text, logprob=-0.1, complete=complete)


def heard(language: str | None = "en", *, final: bool = True, seconds: float = 1.0) -> Heard:
    audio = np.zeros(int(seconds * SAMPLE_RATE), np.float32)
    request = DecodeRequest(utterance="u", audio=audio, priority=Priority.FINAL, final=final)
    return Heard(request, language)


def test_windows_are_joined_as_the_language_writes():
    for language, text in (("en", "ask not"), ("ja", "asknot")):
        whole = heard(language)
        whole.pieces += [piece("ask"), piece(""), piece("not", complete=False)]
        assert whole.hypothesis().text == text
        assert not whole.hypothesis().complete


def test_of_nothing_heard_no_language_is_told():
    assert heard().hypothesis().language is None
    assert heard(seconds=0).cuts == []
