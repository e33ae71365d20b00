"""CPU engines side by side: words, what they hear in noise, what they cost.

Every utterance, cut as the pipeline does, is decoded by every engine in turns, on one thread: as a
final and as the partials of each second. Telephone speech is the same through mu-law at 8 kHz, and
whatever was recorded so. Costs are of CPU and come from all of it, in both ways; eight calls
are eight utterances that wait together. Printed are the table and what the engines after the first
one hear worse than it does.
"""

import asyncio
import io
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median, quantiles

import numpy as np
import soundfile
import soxr

from asr_worker import engines
from asr_worker.api import Engine, EngineSettings, Hypothesis
from asr_worker.dispatch import Dispatcher
from bench import noises, record, speech
from bench.narrowband import mulaw
from callscribe.loadtest.scoring import word_errors
from common.audio import SAMPLE_RATE, FloatArray

_TELEPHONE = 8_000
_TELEPHONE_ALREADY = frozenset({"osr_8k"})
_CALL = "sample call"
_MANY = 8
_MOST_WORSE = 0.02


@dataclass(frozen=True)
class Said:
    """What was said in one recording, and its utterances."""

    name: str
    kind: str
    words: str
    utterances: Sequence[FloatArray]


@dataclass
class Result:
    """What one engine heard, by recording, and its CPU seconds."""

    texts: list[str] = field(default_factory=list)
    finals: list[float] = field(default_factory=list)
    partials: list[float] = field(default_factory=list)
    together: float = 0.0
    invented: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One engine's figures; errors of words, CPU ms per second of speech, CPU ms of a decode."""

    errors: dict[str, tuple[int, int]]
    final_cpu_ms_per_s: float
    final_cpu_ms_per_s_of_eight: float
    partial_cpu_ms_per_s: float
    final_ms_p50: float
    final_ms_p95: float
    partial_ms_p50: float
    invented: int


def compare(names: Sequence[str], heard: Sequence[speech.Speech], json: Path | None) -> int:
    """Print and store the comparison; 1 if a later engine loses to the first one over all words."""
    said = [
        Said(name, kind, words, speech.utterances(audio))
        for name, audio, words in heard
        if words is not None
        for kind, audio in _kinds(name, audio)
    ]
    results = asyncio.run(_measure(names, said))
    figures = {name: _figures(said, result) for name, result in results.items()}
    print(_table(said, figures))
    for name in names[1:]:
        print("\n".join(_worse(said, names[0], name, results)))
    for name in names:
        print(f"{name}, heard in noise: {'; '.join(results[name].invented) or 'nothing'}")
    if json:
        report = {name: asdict(row) for name, row in figures.items()}
        record.write(json, {"speech_s": _seconds(said), "engines": report})
    rates = [_rate(figures[name]) for name in names]
    return 0 if max(rates) <= rates[0] + _MOST_WORSE else 1


def _kinds(name: str, audio: FloatArray) -> list[tuple[str, FloatArray]]:
    if name in _TELEPHONE_ALREADY:
        return [("telephone", audio)]
    return [(_CALL if name == _CALL else "read", audio), ("telephone", _telephone(audio))]


def _telephone(audio: FloatArray) -> FloatArray:
    narrow, _ = soundfile.read(
        io.BytesIO(mulaw(audio)),
        format="RAW",
        subtype="ULAW",
        channels=1,
        samplerate=_TELEPHONE,
        dtype="float32",
    )
    return np.ascontiguousarray(soxr.resample(narrow, _TELEPHONE, SAMPLE_RATE), np.float32)


async def _measure(names: Sequence[str], said: Sequence[Said]) -> dict[str, Result]:
    loaded: dict[str, Engine] = {}
    for name in names:
        loaded[name] = engines.build(name, EngineSettings(concurrency=1))
        await loaded[name].start()
    results = {name: Result() for name in names}
    for each in said:
        for name, engine in loaded.items():
            result = results[name]
            texts = []
            for audio in each.utterances:
                took, hypothesis = await _timed(engine, audio, final=True)
                result.finals.append(took)
                texts.append(hypothesis.text)
                for end in range(SAMPLE_RATE, len(audio), SAMPLE_RATE):
                    result.partials.append((await _timed(engine, audio[:end], final=False))[0])
            result.texts.append(" ".join(texts))
    waiting = [audio for each in said for audio in each.utterances]
    for name, engine in loaded.items():
        results[name].together = await _together(engine, waiting)
        results[name].invented = await _invented(engine)
        await engine.close()
    return results


async def _timed(engine: Engine, audio: FloatArray, *, final: bool) -> tuple[float, Hypothesis]:
    began = time.process_time()
    hypothesis = await engine.decode(speech.request(audio, final=final))
    return time.process_time() - began, hypothesis


async def _together(engine: Engine, waiting: Sequence[FloatArray]) -> float:
    """Decode finals of `_MANY` calls at a time as a worker does; CPU seconds."""
    dispatcher = Dispatcher(engine, bound=_MANY, patience=0.5, clock=time.monotonic)
    began = time.process_time()
    for start in range(0, len(waiting), _MANY):
        now = waiting[start : start + _MANY]
        await asyncio.gather(
            *(dispatcher.decode(speech.request(audio, final=True)) for audio in now)
        )
    took = time.process_time() - began
    await dispatcher.close()
    return took


async def _invented(engine: Engine) -> list[str]:
    """Return what is heard where nothing was said, final and partial."""
    invented = []
    for name, noise in noises.noises().items():
        for seconds in noises.LENGTHS:
            for final in (False, True):
                audio = noise[: round(seconds * SAMPLE_RATE)]
                text = (await engine.decode(speech.request(audio, final=final))).text
                if text:
                    kind = "final" if final else "partial"
                    invented.append(f"{text!r} in {seconds:g} s of {name} ({kind})")
    return invented


def _figures(said: Sequence[Said], result: Result) -> Figures:
    errors: dict[str, tuple[int, int]] = {}
    for each, text in zip(said, result.texts, strict=True):
        wrong, words = _errors(each, text)
        before = errors.get(each.kind, (0, 0))
        errors[each.kind] = (before[0] + wrong, before[1] + words)
    per_second = 1000 / _seconds(said)
    return Figures(
        errors=errors,
        final_cpu_ms_per_s=sum(result.finals) * per_second,
        final_cpu_ms_per_s_of_eight=result.together * per_second,
        partial_cpu_ms_per_s=sum(result.partials) * per_second,
        final_ms_p50=1000 * median(result.finals),
        final_ms_p95=1000 * quantiles(result.finals, n=20)[-1],
        partial_ms_p50=1000 * median(result.partials) if result.partials else 0.0,
        invented=len(result.invented),
    )


def _errors(said: Said, text: str) -> tuple[int, int]:
    return word_errors([speech.one_notation(said.words)], [speech.one_notation(text)])


def _seconds(said: Sequence[Said]) -> float:
    return sum(len(audio) for each in said for audio in each.utterances) / SAMPLE_RATE


def _rate(figures: Figures) -> float:
    counts = figures.errors.values()
    return sum(wrong for wrong, _ in counts) / sum(words for _, words in counts)


def _table(said: Sequence[Said], figures: dict[str, Figures]) -> str:
    kinds = list(dict.fromkeys(each.kind for each in said))
    lines = [f"{sum(len(each.utterances) for each in said)} utterances, {_seconds(said):.0f} s"]
    lines.append(f"{'':32}" + "".join(f"{name:>14}" for name in figures))

    def line(label: str, values: Sequence[str]) -> None:
        lines.append(f"{label:32}" + "".join(f"{value:>14}" for value in values))

    for kind in kinds:
        counts = [row.errors[kind] for row in figures.values()]
        line(f"words wrong, {kind}", [f"{wrong} of {words}" for wrong, words in counts])
    line("words wrong, %", [f"{100 * _rate(row):.2f}" for row in figures.values()])
    line("texts heard in noise", [str(row.invented) for row in figures.values()])
    for label, name in (
        ("finals, CPU ms per s", "final_cpu_ms_per_s"),
        ("the same, eight waiting", "final_cpu_ms_per_s_of_eight"),
        ("a partial a second, CPU ms per s", "partial_cpu_ms_per_s"),
        ("final, CPU ms, median", "final_ms_p50"),
        ("final, CPU ms, p95", "final_ms_p95"),
        ("partial, CPU ms, median", "partial_ms_p50"),
    ):
        line(label, [f"{getattr(row, name):.0f}" for row in figures.values()])
    return "\n".join(lines)


def _worse(said: Sequence[Said], base: str, name: str, results: dict[str, Result]) -> list[str]:
    """Return the recordings that `name` hears worse than `base`, with both texts."""
    lines = [f"{name} hears worse than {base}:"]
    for number, each in enumerate(said):
        texts = [results[engine].texts[number] for engine in (base, name)]
        before, after = (_errors(each, text)[0] for text in texts)
        if after > before:
            lines.append(f"  {each.name}, {each.kind}: {before} and {after} words wrong")
            lines += [f"    {base}: {texts[0]}", f"    {name}: {texts[1]}"]
    return lines if len(lines) > 1 else [f"{name} hears nothing worse than {base}"]
