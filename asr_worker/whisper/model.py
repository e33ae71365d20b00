"""One set of Whisper's weights, and what is asked of it. CTranslate2 is handed in, not imported."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from asr_worker.cpu.confidence import Calibration
from asr_worker.cpu.word_times import Aligned, joined, within
from asr_worker.whisper.windows import FULL, Window
from common.audio import FloatArray
from common.languages import SENTENCE_MARKS, UNSPACED

_OF_TINY, _OF_BASE = Calibration(1.6, 0.7), Calibration(2.1, 0.52)
"""Fitted to the bundled models."""


class Model:
    """Loaded weights; several threads may use them."""

    def __init__(self, loaded: Any, storage: Callable[[FloatArray], Any], float32: Any) -> None:
        """Encode silence once.

        `loaded` is a `faster_whisper.WhisperModel`; `storage` makes a CTranslate2 StorageView of
        an array, and `float32` is CTranslate2's name of that type.
        """
        self._loaded, self._storage, self._float32 = loaded, storage, float32
        self.multilingual: bool = loaded.model.is_multilingual
        self._calibration = _OF_BASE if self.multilingual else _OF_TINY
        self.languages: frozenset[str] = frozenset(loaded.supported_languages)
        """Codes of the languages it knows."""
        mels = loaded.feature_extractor.mel_filters.shape[0]
        self._silence = self._encode(np.zeros((mels, FULL), np.float32))
        """Encoding of silence, [1, positions, width]."""

    def features(self, audio: FloatArray) -> FloatArray:
        """Return log-mel features [mels, frames] of float32 audio [n] at 16 kHz."""
        features: FloatArray = self._loaded.feature_extractor(audio)
        return features

    def shown(self, features: FloatArray, window: Window) -> FloatArray:
        """Encode `features` [mels, frames], with stored silence behind; [1, positions, width].

        Positions tell the decoder the time, so the silence comes from the same positions.
        """
        padded = np.pad(features, ((0, 0), (0, window.encoded - features.shape[1])))
        encoded = self._encode(padded)
        silence = self._silence[:, encoded.shape[1] : window.shown // 2]
        return np.concatenate([encoded, silence], axis=1)

    def spoken(self, encoded: FloatArray) -> dict[str, float]:
        """Return how likely each language is, by its code."""
        (found,) = self._loaded.model.detect_language(self._storage(encoded))
        return {token.strip("<|>"): float(probability) for token, probability in found}

    def tokenizer(self, language: str, new: Callable[..., Any]) -> Any:
        """Return a tokenizer for a language; `new` is `faster_whisper.tokenizer.Tokenizer`."""
        loaded = self._loaded
        return new(loaded.hf_tokenizer, self.multilingual, task="transcribe", language=language)

    def generate(
        self, encoded: Sequence[FloatArray], prompts: list[list[int]], *, beam: int, longest: int
    ) -> list[Any]:
        """Write the texts of encodings of equal shape with prompts of equal length."""
        results: list[Any] = self._loaded.model.generate(
            self._storage(np.concatenate(encoded)),
            prompts,
            beam_size=beam,
            # CTranslate2 stops at min(max_length / 2, max_length - prompt).
            max_length=max(2 * longest, longest + len(prompts[0])),
            return_scores=True,
            return_no_speech_prob=True,
        )
        return results

    def align(self, piece: Any, offset: float, duration: float) -> Aligned:
        """Place the words of one window by cross-attention (dynamic time warping)."""
        (aligned,) = self._loaded.find_alignment(
            piece.tokenizer, [piece.tokens], self._storage(piece.encoded), piece.frames
        )
        spaced = piece.tokenizer.language_code not in UNSPACED
        words = within(joined(aligned, spaced), offset, duration)
        last = aligned[-1] if aligned else None
        marked = last is not None and last["word"].strip() in SENTENCE_MARKS
        mark = float(last["probability"]) if last is not None and marked else None
        return Aligned(self._calibration.words(words), mark)

    def _encode(self, features: FloatArray) -> FloatArray:
        batch = np.ascontiguousarray(features[np.newaxis], np.float32)
        encoded = self._loaded.model.encode(self._storage(batch), to_cpu=True)
        # numpy does not know bfloat16.
        return np.array(encoded.to(self._float32))
