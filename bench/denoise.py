"""Our DeepFilterNet3 against the official runtime: CPU per leg, and how far apart they are.

    python -m bench denoise             batches of 1 to 64 legs, about two minutes
    python -m bench denoise --short     small and brief, to see that it works
    python -m bench denoise --device cuda   ours on a device beside ours on a core: bench/devices.py

The baselines are the official runtime, a leg's hop at a time, by itself at 48 kHz and with
libsamplerate's resamplers around it, which a leg at 16 kHz needs. All run in turn, on one thread of
one process; figures are medians of the CPU time that the same stretch of audio takes, per leg, and
ratios are medians within a round. Ours counts all of `DeepFilter.run`, in steps of three hops: a
tick of the stage brings as many.

"apart" is the energy of the difference between our output and that of the official runtime between
resamplers, relative to the output's energy, over real speech in no, pink and white noise. Each
signal fades in and out over 0.2 s. Otherwise the resampler would turn a sudden beginning or end
into a click up to 24 kHz, and the network's memory would keep a trace of it for seconds.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import as_file, files
from typing import Any, TypeAlias

import numpy as np

from bench import devices, record
from bench.official_dfn import MODEL_HOP, BetweenResamplers, Official, denoised_whole
from bench.options import parser_of
from bench.recordings import channels
from callscribe import sample
from common.audio import SAMPLE_RATE, FloatArray
from denoise_worker.alignment import DELAY, HOP
from denoise_worker.api import Engine, State
from denoise_worker.model import BATCH, DeepFilter

BATCHES, SHORT_BATCHES = (1, 4, 16, 32, 64), (1, 16)
OFFICIAL, RESAMPLED, OURS = "official", "official, resampled", "ours"
STEP = 3
"""Hops of every leg in one step."""
APART = -50.0
"""dB beyond which the outputs count as different."""
_ROUNDS, _SHORT_ROUNDS = 15, 3
_STEPS, _SHORT_STEPS = 8, 2
_SETTLE = 2
"""Rounds before those that count."""

Way: TypeAlias = Callable[[FloatArray], object]
"""Takes hops [legs, k, 160] at 16 kHz; the official ones take the first leg's."""


@dataclass(frozen=True)
class Cost:
    """What one way costs at one batch size."""

    way: str
    batch: int
    milliseconds: float
    """CPU time per leg and second of audio, median."""
    to_official: float
    """How many times less than the official runtime by itself."""
    to_resampled: float
    """How many times less than the official runtime with resamplers."""

    @property
    def legs_per_core(self) -> float:
        """Legs that one core denoises in real time."""
        return 1000 / self.milliseconds


@dataclass(frozen=True)
class Difference:
    """How far our output is from the official one's over one signal."""

    signal: str
    decibels: float
    post_filter: bool = False


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; non-zero when an output is not within -50 dB of the official one."""
    parser = parser_of("denoise", __doc__, short="a little of everything")
    devices.add_options(parser)
    options = parser.parse_args(argv)
    if options.device:
        return devices.report(
            _SUBJECT, options.device, legs=options.legs, short=options.short, json=options.json
        )
    model = DeepFilter()
    costs = measure(model, short=options.short)
    print(_HEADER)
    for cost in costs:
        print(
            f"{cost.way:<20}{cost.batch:>6}{cost.milliseconds:>12.1f}{cost.legs_per_core:>11.0f}"
            f"{cost.to_official:>15.1f}{cost.to_resampled:>17.1f}"
        )
    differences = list(compare(model, short=options.short))
    print(f"\n{'apart':<44}dB")
    for each in differences:
        print(f"{each.signal + _option_names(each):<40}{each.decibels:>6.1f}")
    if options.json:
        report = {
            "costs": [asdict(cost) | {"legs_per_core": cost.legs_per_core} for cost in costs],
            "differences": [asdict(each) for each in differences],
        }
        record.write(options.json, report)
    return 1 if any(each.decibels > APART for each in differences) else 0


def measure(model: DeepFilter, *, short: bool) -> list[Cost]:
    """Return the cost of every way, the baselines first."""
    batches = SHORT_BATCHES if short else BATCHES
    rounds, steps = (_SHORT_ROUNDS, _SHORT_STEPS) if short else (_ROUNDS, _STEPS)
    heard = _legs(max(batches), (rounds + _SETTLE) * steps * STEP)
    ways = {(OFFICIAL, 1): _official(), (RESAMPLED, 1): _resampled()}
    ways |= {(OURS, batch): _ours(model, batch) for batch in batches}
    used: dict[tuple[str, int], list[float]] = {key: [] for key in ways}
    for stretch in np.split(heard, rounds + _SETTLE, axis=1):
        for key, way in ways.items():
            started = time.thread_time_ns()
            for step in np.split(stretch, steps, axis=1):
                way(step)
            spent = (time.thread_time_ns() - started) / 1e6
            used[key].append(spent / key[1] / (stretch.shape[1] * HOP / SAMPLE_RATE))
    used = {key: each[_SETTLE:] for key, each in used.items()}
    return [
        Cost(
            way,
            batch,
            statistics.median(each),
            _ratio(used[OFFICIAL, 1], each),
            _ratio(used[RESAMPLED, 1], each),
        )
        for (way, batch), each in used.items()
    ]


def compare(model: DeepFilter, *, short: bool) -> Iterator[Difference]:
    """Yield how far apart the outputs are, signal by signal."""
    signals = _signals(2 if short else 8)
    for name, samples in signals[-1:] if short else signals:
        yield Difference(name, _apart(model, samples))
    name, samples = signals[-1]
    yield Difference(name, _apart(model, samples, post_filter=True), post_filter=True)


def denoised(
    model: DeepFilter, *signals: FloatArray, post_filter: bool = False
) -> list[FloatArray]:
    """Return 16 kHz samples denoised by ours, each at its position, as legs of one batch."""
    legs = [(model.open(post_filter=post_filter), _hops(each)) for each in signals]
    answers = model.run(legs)
    return [
        answer.reshape(-1)[DELAY:][: len(each)]
        for answer, each in zip(answers, signals, strict=True)
    ]


def _hops(samples: FloatArray) -> FloatArray:
    padded = np.concatenate((samples, np.zeros(DELAY + -len(samples) % HOP, np.float32)))
    return padded.reshape(-1, HOP)


def _apart(model: DeepFilter, samples: FloatArray, *, post_filter: bool = False) -> float:
    (ours,) = denoised(model, samples, post_filter=post_filter)
    official = denoised_whole(samples, post_filter=post_filter)
    return 20 * float(np.log10(np.linalg.norm(ours - official) / np.linalg.norm(official)))


def _official() -> Way:
    official = Official()
    # What the samples are makes no difference to the cost; there are three times as many.
    return lambda hops: official.enhance(hops[0].repeat(3).reshape(-1, MODEL_HOP))


def _resampled() -> Way:
    leg = BetweenResamplers()
    return lambda hops: leg.process(hops[0].reshape(-1))


def _ours(model: DeepFilter, batch: int) -> Way:
    states = [model.open() for _ in range(batch)]
    return lambda hops: model.run(list(zip(states, hops[:batch], strict=True)))


def _on_device(device: str, legs: int) -> devices.OnDevice:
    from denoise_worker.torch_model import TorchDeepFilter

    model = TorchDeepFilter(None, device=device, threads=1, legs=legs)
    states = [model.open() for _ in range(legs)]
    return devices.OnDevice(
        run=lambda heard: _tick(model, states, heard),
        fetch=lambda: model.collect(states),
        moved=model.rows,
    )


def _on_core(legs: int) -> devices.Run:
    model = DeepFilter()
    states = [model.open() for _ in range(legs)]
    return lambda heard: _tick(model, states, heard)


def _tick(model: Engine[Any], states: Sequence[State], heard: FloatArray) -> FloatArray:
    hops = heard.reshape(len(heard), -1, HOP)
    return np.stack(model.run(list(zip(states, hops, strict=True))))


_SUBJECT = devices.Subject(
    samples=2 * HOP,  # a tick of the stage
    device=_on_device,
    numpy=_on_core,
    numpy_legs=BATCH,
    tolerance=1e-4,
)


def _ratio(baseline: Sequence[float], each: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(baseline, each, strict=True))


def _legs(count: int, hops: int) -> FloatArray:
    """Return what legs hear, float32 [count, hops, 160]: the same noisy call, begun elsewhere."""
    _, call = _signals(8)[-1]
    shifts = np.random.default_rng(0).integers(0, len(call), count)
    heard = [np.resize(np.roll(call, -shift), hops * HOP) for shift in shifts]
    return np.stack(heard).reshape(count, hops, HOP)


def _signals(seconds: int) -> list[tuple[str, FloatArray]]:
    """Return real speech by name, 16 kHz, in no noise and in 10 dB of pink and of white noise."""
    rng = np.random.default_rng(1)
    signals = []
    for name, whole in _speech():
        speech = np.resize(whole, seconds * SAMPLE_RATE)
        white = rng.standard_normal(len(speech))
        spectrum = np.fft.rfft(white)
        pink = np.fft.irfft(spectrum / np.sqrt(np.arange(len(spectrum)) + 50), len(speech))
        from_edge = np.minimum(np.arange(len(speech)), np.arange(len(speech))[::-1])
        fade = np.minimum(1, from_edge / (0.2 * SAMPLE_RATE)) ** 2
        signals.append((f"{name}, no noise", (speech * fade).astype(np.float32)))
        for kind, noise in (("white", white), ("pink", pink)):
            scale = np.sqrt(0.1 * np.square(speech).sum() / np.square(noise).sum())
            mixed = np.clip((speech + scale * noise) * fade, -1, 1).astype(np.float32)
            signals.append((f"{name}, {kind} noise", mixed))
    return signals


def _speech() -> Iterator[tuple[str, FloatArray]]:
    yield "sample call", channels(sample.AUDIO)[0]
    for name in ("counting", "quick_brown_fox"):
        file = files("pytest_audioeval") / "samples" / "audio" / "en" / f"{name}.wav"
        with as_file(file) as path:
            yield name, channels(path)[0]


def _option_names(difference: Difference) -> str:
    return ", post filter" if difference.post_filter else ""


_HEADER = (
    f"{'':<20}{'legs':>6}{'ms of CPU':>12}{'legs':>11}{'times less':>15}{'times less':>17}\n"
    f"{'':<26}{'per audio s':>12}{'per core':>11}{'than official':>15}{'than resampled':>17}"
)
