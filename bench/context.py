"""Whether finals would be better if the recogniser knew what was said before.

    python -m bench context [--speech DIRECTORY] [--json FILE] [--short]

Every utterance, cut as the pipeline does, is decoded alone, with the final before it as a prompt,
and with the audio before it, whose words are then left out by their times. Beside them: the whole
recording in one piece, which has all the context there is, and what callscribe decodes. The decoder
is faster-whisper's `transcribe()` with the same weights and beam, since ours takes no prompt. Times
are of CPU, on one thread.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from time import process_time
from typing import Any, TypeAlias

import numpy as np
from faster_whisper import WhisperModel

from asr_worker.api import EngineSettings
from asr_worker.engines import whisper
from bench import record, speech
from bench.options import parser_of
from callscribe.loadtest.scoring import word_errors
from common.audio import SAMPLE_RATE, FloatArray

ALONE, PROMPT, BEFORE = "alone", "the final before as a prompt", "the audio before it"
WHOLE, OURS = "the whole recording", "callscribe"
_WINDOW = 28 * SAMPLE_RATE
"""Whisper's window is 30 s."""
_BREATH = np.zeros(2 * SAMPLE_RATE // 5, np.float32)

_Way: TypeAlias = Callable[[], list[str]]
"""Returns what was recognised in a recording, piece by piece."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One way's figures."""

    words: int
    errors: int
    cpu_s: float


class _Decoder:
    """faster-whisper's `transcribe()`."""

    def __init__(self, settings: EngineSettings) -> None:
        self._model = WhisperModel(
            str(whisper.weights(settings)), device="cpu", compute_type="int8", cpu_threads=1
        )
        self._options = {
            "beam_size": settings.beam_size,
            "language": "en",
            "condition_on_previous_text": False,
        }

    def alone(self, utterances: Sequence[FloatArray]) -> list[str]:
        return [self._text(each) for each in utterances]

    def prompted(self, utterances: Sequence[FloatArray]) -> list[str]:
        texts: list[str] = []
        for each in utterances:
            prompt = texts[-1].strip() if texts else ""
            texts.append(self._text(each, initial_prompt=prompt or None))
        return texts

    def behind(self, utterances: Sequence[FloatArray]) -> list[str]:
        texts = [self._text(each) for each in utterances[:1]]
        for before, each in pairwise(utterances):
            if len(before) + len(each) > _WINDOW:
                texts.append(self._text(each))
                continue
            joined = np.concatenate([before, _BREATH, each])
            begin = (len(before) + len(_BREATH) / 2) / SAMPLE_RATE
            segments, _ = self._model.transcribe(joined, word_timestamps=True, **self._options)
            words = [word for segment in segments for word in segment.words or ()]
            texts.append("".join(w.word for w in words if (w.start + w.end) / 2 >= begin))
        return texts

    def whole(self, recording: FloatArray) -> list[str]:
        segments, _ = self._model.transcribe(recording, **self._options)
        return [segment.text for segment in segments]

    def _text(self, audio: FloatArray, **options: Any) -> str:
        options |= {**self._options, "without_timestamps": True}
        segments, _ = self._model.transcribe(audio, **options)
        return " ".join(segment.text for segment in segments)


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; non-zero when whole recordings are better by a word in a hundred."""
    parser = parser_of("context", __doc__, short="the sample call alone")
    parser.add_argument("--speech", type=Path, default=speech.CORPUS, metavar="DIRECTORY")
    options = parser.parse_args(argv)
    recordings = list(speech.call())
    if not options.short:
        recordings += speech.found(options.speech)
    known = [(audio, text) for _, audio, text in recordings if text is not None]
    figures = asyncio.run(measure(known))
    for name, row in figures.items():
        print(f"{name:>29}: {row.errors} of {row.words} words wrong; CPU {row.cpu_s:.1f} s")
    if options.json:
        record.write(options.json, {name: asdict(row) for name, row in figures.items()})
    ours, whole = figures[OURS], figures[WHOLE]
    return 0 if ours.errors - whole.errors <= ours.words / 100 else 1


async def measure(recordings: Sequence[tuple[FloatArray, str]]) -> dict[str, Figures]:
    """Decode everything in every way; return the figures of each."""
    settings = EngineSettings(concurrency=1)
    decoder = _Decoder(settings)
    engine = whisper.build(settings)
    await engine.start()
    texts: dict[str, list[str]] = {}
    taken: dict[str, float] = {}
    for audio, _ in recordings:
        utterances = speech.utterances(audio)
        ways: dict[str, _Way] = {
            ALONE: partial(decoder.alone, utterances),
            PROMPT: partial(decoder.prompted, utterances),
            BEFORE: partial(decoder.behind, utterances),
            WHOLE: partial(decoder.whole, audio),
        }
        for name in (*ways, OURS):
            began = process_time()
            said = ways[name]() if name in ways else await _ours(engine, utterances)
            taken[name] = taken.get(name, 0.0) + process_time() - began
            texts.setdefault(name, []).append(speech.one_notation(" ".join(said)))
    await engine.close()
    known = [speech.one_notation(text) for _, text in recordings]
    found = {name: word_errors(known, each) for name, each in texts.items()}
    return {
        name: Figures(words=words, errors=errors, cpu_s=taken[name])
        for name, (errors, words) in found.items()
    }


async def _ours(engine: whisper.WhisperEngine, utterances: Sequence[FloatArray]) -> list[str]:
    return [(await engine.decode(speech.request(each))).text for each in utterances]
