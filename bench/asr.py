"""What a decode costs on the CPU and what the short windows cost in words.

    python -m bench asr [--speech DIRECTORY] [--repeat N] [--json FILE] [--short]
    python -m bench asr --engines whisper moonshine [--speech DIRECTORY] [--json FILE] [--short]

All speech found is cut into utterances as the pipeline does. Every utterance is decoded by the
engine, as a final and as partials of what there is after each second, in the windows it uses and in
others, and by the baselines: faster-whisper's ``transcribe()`` with its window of 30 s and the same
weights, beam 5 and greedy. All take turns in one process on one thread; times are of CPU, so that
other load matters little, and the ratios are what to compare. Speech: the sample call, the clips of
pytest-audioeval, and the directory's files, whose words are in ``name.txt`` where they are known.

With --engines the engines are compared instead, see `bench.asr_engines`.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from time import process_time
from typing import TypeVar

from asr_worker import engines
from asr_worker.api import EngineSettings
from asr_worker.engines import whisper
from asr_worker.whisper.weights import bundled
from asr_worker.whisper.windows import FULL, Window, attempts
from bench import asr_engines, record, speech
from bench.options import parser_of
from callscribe.loadtest.scoring import word_errors
from common.audio import SAMPLE_RATE, FloatArray

_PLAN = "attempts"
"""What the engine takes its windows from."""
_CORES = 2
_ENGINE = "callscribe"
_FINAL_BASELINE, _PARTIAL_BASELINE = "transcribe, 30 s, beam 5", "transcribe, 30 s, greedy"
_MOST_WORSE = 0.02
_T = TypeVar("_T")
Attempts = Callable[..., list[Window]]


def _only(choose: Callable[[Window], Window]) -> Attempts:
    """Return a plan of one attempt, made of the engine's own first one."""
    return lambda frames, *, final: [choose(attempts(frames, final=final)[0])]


WINDOWS: dict[str, Attempts] = {
    _ENGINE: attempts,
    "short, kept silence": _only(lambda w: w),
    "short": _only(lambda w: Window(w.encoded, w.encoded)),
    "as shown, all encoded": _only(lambda w: Window(w.shown, w.shown)),
    "30 s": _only(lambda _: Window(FULL, FULL)),
}


@dataclass
class Way:
    """One way to decode: CPU seconds of each decode, and the text of every file."""

    finals: list[float] = field(default_factory=list)
    partials: list[float] = field(default_factory=list)
    texts: list[list[str]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One way's figures; CPU in ms. Words are compared with the references and the 30 s window."""

    final_ms: float
    final_ms_per_speech_s: float
    partial_ms: float | None
    word_error_rate: float
    words_unlike_full_window: int


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; non-zero when the engine loses words against the 30 s window."""
    parser = parser_of("asr", __doc__, short="three clips only, in seconds")
    parser.add_argument("--speech", type=Path, default=speech.CORPUS)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--engines", nargs="+", choices=engines.available(), help="compare these")
    arguments = parser.parse_args(argv)
    heard = [*speech.clips()]
    if not arguments.short:
        heard += [*speech.call(), *speech.found(arguments.speech)]
    if arguments.engines:
        return asr_engines.compare(arguments.engines, heard, arguments.json)
    utterances = [(*each, speech.utterances(each[1])) for each in heard]
    ways = measure([cut for *_, cut in utterances], arguments.repeat)
    seconds = sum(len(u) for *_, cut in utterances for u in cut) / SAMPLE_RATE
    figures = {
        name: _figures(way, [reference for _, _, reference, _ in utterances], ways["30 s"], seconds)
        for name, way in ways.items()
    }
    print(_table(figures, seconds, sum(len(cut) for *_, cut in utterances)))
    summary = _summary(figures, ways, seconds / arguments.repeat, arguments.repeat)
    print("\n".join(f"{name}: {value:.3g}" for name, value in summary.items()))
    if arguments.json:
        report = {
            "speech_s": seconds,
            "utterances": sum(len(cut) for *_, cut in utterances),
            "ways": {name: asdict(row) for name, row in figures.items()},
            "summary": summary,
        }
        record.write(arguments.json, report)
    worse = figures[_ENGINE].word_error_rate - figures["30 s"].word_error_rate
    return 0 if worse <= _MOST_WORSE else 1


def measure(cuts: Sequence[Sequence[FloatArray]], repeat: int) -> dict[str, Way]:
    """Decode every utterance in every way, all in turns; `cuts` are the utterances of each file."""
    return asyncio.run(_measure(cuts, repeat))


async def _measure(cuts: Sequence[Sequence[FloatArray]], repeat: int) -> dict[str, Way]:
    from faster_whisper import WhisperModel

    engine = whisper.build(EngineSettings(concurrency=1, multilingual=False))
    await engine.start()
    model = WhisperModel(bundled(), device="cpu", compute_type="int8", cpu_threads=1)
    names = [*WINDOWS, _FINAL_BASELINE, _PARTIAL_BASELINE]
    ways = {name: Way(texts=[[] for _ in cuts]) for name in names}

    async def decode(audio: FloatArray, plan: Attempts, final: bool) -> tuple[float, str]:
        setattr(whisper, _PLAN, plan)
        began = process_time()
        text = (await engine.decode(speech.request(audio, final=final))).text
        return process_time() - began, text

    def transcribe(audio: FloatArray, beam: int) -> tuple[float, str]:
        began = process_time()
        segments, _ = model.transcribe(audio, language="en", beam_size=beam, temperature=0.0)
        text = " ".join(segment.text.strip() for segment in segments)
        return process_time() - began, text

    for turn in range(repeat):
        for number, cut in enumerate(cuts):
            for audio in cut:
                results = {n: await decode(audio, p, True) for n, p in WINDOWS.items()}
                results[_FINAL_BASELINE] = transcribe(audio, 5)
                results[_PARTIAL_BASELINE] = transcribe(audio, 1)
                for name, (took, text) in results.items():
                    ways[name].finals.append(took)
                    if not turn:
                        ways[name].texts[number].append(text)
                for end in range(SAMPLE_RATE, len(audio), SAMPLE_RATE):
                    took, _ = await decode(audio[:end], attempts, False)
                    ways[_ENGINE].partials.append(took)
                    # It is the window that costs there: every third does for the median.
                    if end % (3 * SAMPLE_RATE) == SAMPLE_RATE:
                        ways[_PARTIAL_BASELINE].partials.append(transcribe(audio[:end], 1)[0])
    setattr(whisper, _PLAN, attempts)
    await engine.close()
    return ways


def _figures(way: Way, references: Sequence[str | None], full: Way, seconds: float) -> Figures:
    texts = [speech.one_notation(" ".join(texts)) for texts in way.texts]
    known = [(r, t) for r, t in zip(references, texts, strict=True) if r is not None]
    errors, words = word_errors([speech.one_notation(r) for r, _ in known], [t for _, t in known])
    unlike, _ = word_errors([speech.one_notation(" ".join(each)) for each in full.texts], texts)
    repeats = len(way.finals) / max(1, sum(len(each) for each in way.texts))
    return Figures(
        final_ms=1000 * median(way.finals),
        final_ms_per_speech_s=1000 * sum(way.finals) / repeats / seconds,
        partial_ms=1000 * median(way.partials) if way.partials else None,
        word_error_rate=errors / words,
        words_unlike_full_window=unlike,
    )


def _summary(
    figures: dict[str, Figures], ways: dict[str, Way], seconds: float, repeat: int
) -> dict[str, float]:
    """Return what follows: ratios to the baselines, and how many always speaking voices fit."""
    ours = figures[_ENGINE]
    finals = ours.final_ms_per_speech_s / 1000
    partials = sum(ways[_ENGINE].partials) / repeat / (seconds * repeat)
    baseline = figures[_PARTIAL_BASELINE].partial_ms or float("nan")
    return {
        "final / transcribe beam 5": ours.final_ms / figures[_FINAL_BASELINE].final_ms,
        "partial / transcribe greedy": (ours.partial_ms or float("nan")) / baseline,
        "CPU s per s of speech, finals": finals,
        "CPU s per s of speech, with a partial a second": finals + partials,
        f"voices on {_CORES} cores, finals": _CORES / finals,
        f"voices on {_CORES} cores, with a partial a second": _CORES / (finals + partials),
    }


def _table(figures: dict[str, Figures], seconds: float, count: int) -> str:
    lines = [
        f"{count} utterances, {seconds:.0f} s of speech; CPU ms, medians",
        f"{'':28}{'final':>8}{'ratio':>7}{'per s':>7}{'partial':>9}{'WER %':>7}{'unlike 30 s':>13}",
    ]
    baseline = figures[_FINAL_BASELINE].final_ms
    for name, row in figures.items():
        partial = "" if row.partial_ms is None else f"{row.partial_ms:.0f}"
        lines.append(
            f"{name:28}{row.final_ms:>8.0f}{row.final_ms / baseline:>7.2f}"
            f"{row.final_ms_per_speech_s:>7.1f}{partial:>9}"
            f"{100 * row.word_error_rate:>7.2f}{row.words_unlike_full_window:>13}"
        )
    return "\n".join(lines)
