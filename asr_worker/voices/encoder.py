"""The voices in an utterance, as they are stored with its final."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Self

import numpy as np
from threadpoolctl import threadpool_limits

from asr_worker.voices import weights
from asr_worker.voices.mel import mel_spectra
from asr_worker.voices.network import embeddings
from asr_worker.voices.stretches import FRAME, Window, stretches, windows
from common.audio import FloatArray
from common.pipeline.text import VOICE_LENGTH, Voice

_LEVEL = 10 ** (-30 / 20)
"""Root mean square of what the encoder was trained with: 30 dB below full scale."""
_TOGETHER = 16
"""Windows of one batch: more take memory and no less time."""


class VoiceEncoder:
    """Finds voices in utterances; may be used from any one thread at a time."""

    def __init__(self, weights: weights.Weights) -> None:
        self._weights = weights

    @classmethod
    def installed(cls) -> Self | None:
        """Return the encoder; None where it is not installed, SettingsError for another file."""
        found = weights.installed()
        return None if found is None else cls(found)

    def voices(self, audio: FloatArray, start: int) -> tuple[Voice, ...]:
        """Return the voices in an utterance [n] at 16 kHz, in order; `start` is its position."""
        with threadpool_limits(1, user_api="blas"):
            wanted = windows(audio)
            vectors = self._vectors(audio, [each for each in wanted if each.tells])
        told = [(each, vectors.get(each)) for each in wanted]
        return tuple(
            Voice.of(
                start + each.span.start * FRAME,
                start + each.span.end * FRAME,
                self._stored(each.vector),
            )
            for each in stretches(told)
            if each.vector is not None
        )

    def _vectors(self, audio: FloatArray, wanted: Sequence[Window]) -> dict[Window, FloatArray]:
        by_length = defaultdict(list)
        for each in wanted:
            by_length[each.heard.length].append(each)
        found: dict[Window, FloatArray] = {}
        for alike in by_length.values():
            for first in range(0, len(alike), _TOGETHER):
                batch = alike[first : first + _TOGETHER]
                spectra = np.array([spectra_of(audio, each) for each in batch])
                found |= dict(zip(batch, embeddings(self._weights, spectra), strict=True))
        return found

    def _stored(self, vector: FloatArray) -> bytes:
        centred = vector / np.linalg.norm(vector) - self._weights.centre
        scaled = centred * (VOICE_LENGTH / np.linalg.norm(centred))
        return np.clip(np.rint(scaled), -127, 127).astype(np.int8).tobytes()


def spectra_of(audio: FloatArray, window: Window) -> FloatArray:
    """Return the spectra of a window at the level that the encoder expects."""
    start, end = window.heard
    heard = audio[start * FRAME : end * FRAME]
    level = float(np.sqrt(np.mean(heard**2)))
    return mel_spectra(heard * np.float32(_LEVEL / max(level, 1e-6)))[: end - start]
