"""What it costs in words, and saves at the end, to decode long utterances clause by clause.

    python -m bench clauses [--speech DIRECTORY] [--repeat N] [--json FILE] [--short]

Speech whose words are known is joined into utterances of 20 s and more, with pauses of 0.15 to
0.3 s: both sides of the sample call, and the clips of the directory that have a text beside them.
Each round has another order, pace, loudness and noise. Silero finds utterances and pauses, and
Whisper decodes each utterance whole and in the clauses that the worker would cut, in turns, on one
thread. Times are of CPU. The end is the last decode of an utterance of 15 s or more: what a caller
waits for.
"""

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import process_time
from typing import NamedTuple

import numpy as np
import soxr

from asr_worker.api import EngineSettings, Hypothesis
from asr_worker.clauses import Clause, Clauses, quietest
from asr_worker.engines import whisper
from asr_worker.joining import joined
from bench import record
from bench.accounting import quantile
from bench.options import parser_of
from bench.recordings import channels, expand, references
from bench.speech import CORPUS, one_notation, request, trimmed
from callscribe.loadtest.scoring import word_errors
from common.audio import SAMPLE_RATE, FloatArray
from common.pipeline.speech import Ended, Paused, Resumed
from vad_worker.endpointer import Decision, Endpointer, EndpointerParams
from vad_worker.framing import FRAME, energies
from vad_worker.model import SileroVad

_LONG = 15 * SAMPLE_RATE
_BREATHS_S = (0.15, 0.2, 0.3)
_PACES = (1.0, 0.93, 1.07, 0.97, 1.12, 1.03, 0.9, 1.1)
_NOISES = (0.0003, 0.001, 0.003)
_LOUDNESS = (0.5, 1.3)
_END_S = 1.2
"""Silence that ends an utterance."""
_MOST_WORSE = 0.005


class Spoken(NamedTuple):
    """An utterance as VAD sees it: its samples, and where speech paused and went on."""

    start: int
    end: int
    pauses: Sequence[int]


@dataclass
class Way:
    """One way to decode: the texts by recording, CPU seconds of all decodes and of the ends."""

    texts: list[str] = field(default_factory=list)
    cpu: float = 0.0
    ends: list[float] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One way's figures; CPU in ms, of the ends."""

    words: int
    errors: int
    word_error_rate: float
    cpu_s: float
    end_p50_ms: float
    end_p95_ms: float
    end_max_ms: float


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; non-zero when clauses cost more than half a word in a hundred."""
    parser = parser_of("clauses", __doc__, short="one round")
    parser.add_argument("--speech", type=Path, default=CORPUS, metavar="DIRECTORY")
    parser.add_argument("--repeat", type=int, default=8, metavar="N", help="rounds")
    options = parser.parse_args(argv)
    figures = asyncio.run(measure(options.speech, 1 if options.short else options.repeat))
    for name, row in figures.items():
        print(
            f"{name:>8}: {row.errors} of {row.words} words wrong, {row.word_error_rate:.2%};"
            f" CPU {row.cpu_s:.1f} s, ends {row.end_p50_ms:.0f}, {row.end_p95_ms:.0f},"
            f" {row.end_max_ms:.0f} ms (p50, p95, most)"
        )
    if options.json:
        record.write(options.json, {name: asdict(row) for name, row in figures.items()})
    worse = figures["clauses"].word_error_rate - figures["whole"].word_error_rate
    return 0 if options.short or worse <= _MOST_WORSE else 1


async def measure(folder: Path, rounds: int) -> dict[str, Figures]:
    """Decode everything in both ways; return the figures of each."""
    engine = whisper.build(EngineSettings(concurrency=1))
    await engine.start()
    known: list[str] = []
    ways = {"whole": Way(), "clauses": Way()}
    for audio, text in (each for number in range(rounds) for each in _round(folder, number)):
        known.append(one_notation(text))
        said: dict[str, list[str]] = {name: [] for name in ways}
        for spoken in utterances(audio):
            whole = [Clause((), spoken.start, spoken.end)]
            for name, parts in (("whole", whole), ("clauses", clauses(audio, spoken))):
                found: list[tuple[float, Hypothesis]] = []
                for part in parts:
                    began = process_time()
                    found.append((part.start / SAMPLE_RATE, await _decode(engine, audio, part)))
                    took = process_time() - began
                    ways[name].cpu += took
                if spoken.end - spoken.start >= _LONG:
                    ways[name].ends.append(took)
                said[name].append(joined(found).text)
        for name, texts in said.items():
            ways[name].texts.append(one_notation(" ".join(texts)))
    await engine.close()
    return {name: _figures(way, known) for name, way in ways.items()}


def utterances(audio: FloatArray) -> list[Spoken]:
    """Return what the VAD makes of `audio` with its usual settings."""
    vad, endpointer = SileroVad(), Endpointer(EndpointerParams())
    frames = audio[: len(audio) // FRAME * FRAME]
    probabilities = vad.run([vad.open()], [len(frames) // FRAME], frames)
    events: list[Decision] = []
    for probability, energy in zip(probabilities, energies(frames), strict=True):
        events += endpointer.push(float(probability), float(energy))
    found: list[Spoken] = []
    pause, pauses = 0, list[int]()
    for event in (*events, *endpointer.finish(len(audio))):
        match event:
            case Paused(end=end):
                pause = end
            case Resumed():
                pauses.append(pause)
            case Ended(start=start, end=end):
                found.append(Spoken(start, end, pauses))
                pauses = []
    return found


def clauses(audio: FloatArray, spoken: Spoken) -> list[Clause]:
    """Return the clauses into which the worker cuts an utterance."""
    cut = Clauses(spoken.start, lambda start, end: start + quietest(audio[start:end]))
    for pause in spoken.pauses:
        cut.resumed(pause)
    return cut.until(spoken.end)


async def _decode(engine: whisper.WhisperEngine, audio: FloatArray, part: Clause) -> Hypothesis:
    return await engine.decode(request(audio[part.start : part.end]))


def _figures(way: Way, known: Sequence[str]) -> Figures:
    errors, words = word_errors(known, way.texts)
    return Figures(
        words=words,
        errors=errors,
        word_error_rate=errors / words,
        cpu_s=way.cpu,
        end_p50_ms=1000 * quantile(way.ends, 0.50),
        end_p95_ms=1000 * quantile(way.ends, 0.95),
        end_max_ms=1000 * max(way.ends, default=float("nan")),
    )


def _round(folder: Path, number: int) -> Iterator[tuple[FloatArray, str]]:
    """Return recordings of one utterance or few, float32 [n] at 16 kHz, with their words."""
    chance, noise = random.Random(number), np.random.default_rng(number)
    (call,) = expand([])
    for side, text in zip(channels(call), references(call) or (), strict=True):
        pieces = [side[spoken.start : spoken.end] for spoken in utterances(side)]
        yield _joined(pieces, number, noise), text
    paths = [path for path in (expand([folder]) if folder.is_dir() else []) if references(path)]
    chance.shuffle(paths)
    if paths:
        texts = [text for path in paths for text in references(path) or ()]
        yield _joined([channels(path)[0] for path in paths], number, noise), " ".join(texts)


def _joined(pieces: Sequence[FloatArray], number: int, noise: np.random.Generator) -> FloatArray:
    breath = np.zeros(round(_BREATHS_S[number % len(_BREATHS_S)] * SAMPLE_RATE), np.float32)
    pace = _PACES[number % len(_PACES)]
    parts: list[FloatArray] = []
    for piece in pieces:
        said = soxr.resample(trimmed(piece), SAMPLE_RATE, SAMPLE_RATE * pace)
        parts += [breath, said * noise.uniform(*_LOUDNESS)]
    audio = np.concatenate([*parts, np.zeros(round(_END_S * SAMPLE_RATE))])
    audio += noise.normal(0, _NOISES[number % len(_NOISES)], len(audio))
    return np.ascontiguousarray(audio, np.float32)
