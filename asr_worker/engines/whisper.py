"""Whisper through faster-whisper (CTranslate2), meant for the CPU; bundled with tiny.en and base.

Windows. Whisper was trained on 30 s, but CTranslate2 encodes any length, and the encoder is most of
the cost of a short clip. So a clip is encoded with little padding, and the decoder sees stored
silence behind it (`asr_worker.whisper.windows`). An implausible result is decoded again with more.
Utterances beyond 30 s are cut at their quietest moments. A cut depends only on the audio before it,
so cuts stay while the utterance grows.
"""

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

from asr_worker.api import (
    DecodeRequest,
    EngineSettings,
    EngineUnusable,
    LanguageUnsupported,
    Spoken,
)
from asr_worker.cpu.clips import Heard
from asr_worker.cpu.cuts import WINDOW
from asr_worker.cpu.stepwise import Recogniser, StepwiseEngine, line
from asr_worker.cpu.windowed import WindowedRecogniser
from asr_worker.cpu.word_times import Aligned
from asr_worker.whisper import weights as weights_of
from asr_worker.whisper.detection import SURE, found
from asr_worker.whisper.model import Model
from asr_worker.whisper.pieces import Clip, Piece
from asr_worker.whisper.windows import attempts, whole
from common.audio import SAMPLE_RATE
from common.languages import WHISPER_CODES, code_of

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
_SHORTEST_LOOK = 3 * SAMPLE_RATE // 2
"""Audio of a partial, in samples, from which its language is looked for."""


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
    """The loaded models; decodes may run their steps in parallel, each in its own thread.

    Beside a model of English alone there may be one of all languages. English is then assumed where
    nothing is known, since most of what the smaller model writes of other languages is doubtful; in
    doubt the greater one looks which language it is.
    """

    def __init__(self, settings: EngineSettings, concurrency: int) -> None:
        from faster_whisper.tokenizer import Tokenizer

        self._settings = settings
        self._main, self._all = _models(settings, concurrency)
        self._new_tokenizer = Tokenizer

    def heard(self, request: DecodeRequest) -> Heard:
        """See `WindowedRecogniser`."""
        among = self._known(request)
        if len(among) == 1:
            return Heard(request, next(iter(among)), among=among)
        known, before = request.likely, request.previous
        if before is not None and before.language is not None:
            known = Spoken(before.language, before.language_confidence)
        if known is None or (among and self._code(known.language) not in among):
            return Heard(request, None, among=among)
        return Heard(request, self._code(known.language), known.confidence, among)

    def clip(self, heard: Heard, start: int, end: int) -> Clip:
        """See `WindowedRecogniser`."""
        request, model = heard.request, self._model(heard)
        audio = request.audio[start:end]
        features = model.features(audio)[:, : len(audio) // _FRAME]
        windows = attempts(features.shape[1], final=request.final)
        assumed = len(heard.among) != 1
        unsure = request.final and heard.confidence is not None and heard.confidence < SURE
        return Clip(
            heard=heard,
            start=start,
            length=len(audio),
            features=features,
            windows=windows,
            model=model,
            assumed=assumed,
            long_enough=request.final or len(audio) >= _SHORTEST_LOOK,
            looks=assumed and model is self._all and (heard.language is None or unsure),
        )

    def encode(self, clip: Clip) -> Hashable:
        """See `WindowedRecogniser`: clips of one model, equal windows and prompts are alike."""
        if clip.looks:
            self._look(clip)
        else:
            clip.encoded = clip.model.shown(clip.features, clip.windows.pop(0))
        clip.tokenizer = clip.model.tokenizer(clip.heard.language or "en", self._new_tokenizer)
        clip.prompt = self._prompt(clip.tokenizer, clip.heard.request)
        return id(clip.model), clip.encoded.shape[1], len(clip.prompt)

    def _look(self, clip: Clip) -> None:
        """Encode for the model of all languages, and find out which it is."""
        assert self._all is not None
        heard, clip.model, clip.assumed, clip.looks = clip.heard, self._all, False, False
        # With stored silence behind it most speech seems English: 50 of 79 others are found, and 69
        # with silence that is encoded, as many as with 30 s of it but one or two.
        window = whole(clip.features.shape[1], final=heard.request.final)
        clip.encoded = self._all.shown(clip.features, window)
        likely = self._all.spoken(clip.encoded)
        code, confidence = found(likely, heard.among, heard.language, heard.confidence)
        if code != heard.language:
            clip.best = None
        heard.language, heard.confidence = code, confidence

    def _model(self, heard: Heard) -> Model:
        """Return the model of its language; where none is known, of English if it can be that."""
        possible = (heard.language,) if heard.language else heard.among or ("en",)
        if self._all is None or self._main.languages.intersection(possible):
            return self._main
        return self._all

    def _known(self, request: DecodeRequest) -> frozenset[str]:
        """Return Whisper's codes of the languages that a request can be in; none: any.

        Languages that no model knows are left out; LanguageUnsupported if that leaves none.
        """
        wanted = request.languages if request.language is None else (request.language,)
        if not wanted:
            return frozenset() if self._all is not None else frozenset({"en"})
        widest = self._all or self._main
        if known := widest.languages.intersection(map(self._code, wanted)):
            return known
        if widest.multilingual:
            only = f"{len(widest.languages)} languages only"
        else:
            only = "English only; --asr-multilingual and the extra asr-languages add 98 more"
        named = ", ".join(wanted)
        raise LanguageUnsupported(f"language {named!r}: this model knows {only}")

    @staticmethod
    def _code(language: str) -> str:
        code = code_of(language)
        return WHISPER_CODES.get(code, code)

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
        results = alike[0].model.generate(
            [clip.encoded for clip in alike],
            [clip.prompt for clip in alike],
            beam=self._settings.beam_size if final else 1,
            longest=max(limits),
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
                model=clip.model,
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

    def align(self, piece: Piece, offset: float, duration: float) -> Aligned:
        """See `WindowedRecogniser`."""
        if not piece.tokens:
            return Aligned((), None)
        return piece.model.align(piece, offset, duration)


def build(settings: EngineSettings) -> WhisperEngine:
    """Build the engine, unstarted; nothing is loaded yet."""
    return WhisperEngine(settings)


def _models(settings: EngineSettings, concurrency: int) -> tuple[Model, Model | None]:
    """Load the model, and the one of all languages: itself, a greater one, or none."""
    from ctranslate2 import DataType, StorageView
    from faster_whisper import WhisperModel

    def load(name: str, **more: Any) -> Model:
        loaded = WhisperModel(
            name,
            device=settings.device or "cpu",
            compute_type=settings.compute_type,
            cpu_threads=settings.threads,
            num_workers=concurrency,
            local_files_only=True,
            **more,
        )
        return Model(loaded, StorageView.from_array, DataType.float32)

    name = settings.model or weights_of.bundled()
    try:
        main = load(name)
    except Exception as error:
        reason = (
            f"cannot be loaded: {line(error)}"
            if Path(name).is_dir()
            else "is neither a directory nor in the local model cache"
        )
        raise EngineUnusable(f"ASR model {name!r} {reason}") from error
    if main.multilingual:
        return main, main
    files = weights_of.multilingual() if settings.multilingual else None
    return main, None if files is None else load("base", files=dict(files))


def weights(settings: EngineSettings) -> Path | None:
    """Return the directory of the weights, None for a model of the local cache."""
    directory = Path(settings.model or weights_of.bundled())
    return directory if directory.is_dir() else None
