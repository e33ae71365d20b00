"""The VAD's network against the official ones: CPU per frame of 32 ms, and how far apart they are.

    python -m bench vad             batches of 1 to 1024 legs, a minute or two
    python -m bench vad --short     small and brief, to see that it works
    python -m bench vad --jit       the official TorchScript model too (needs torch: .venv-vllm)
    python -m bench vad --device cuda   ours on a device beside ours on a core: bench/devices.py

The baseline is the official ONNX file run as its package runs it, a leg's frame at a time, on one
thread of onnxruntime without the package around it. The same file is measured with batches of legs.
All run by turns, in one process on one thread; figures are the median CPU time of a turn, divided
by its frames. Ours counts all of `SileroVad.run`: states gathered and kept, not only the network.

"apart" is the largest difference from the baseline's probabilities over all frames of all legs.
Each leg hears other speech, noise or silence from the beginning on.
"""

import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
import soundfile
import soxr

from bench import devices, record
from bench.options import parser_of
from callscribe import sample
from common.audio import SAMPLE_RATE, FloatArray
from vad_worker.api import Engine
from vad_worker.framing import FRAME
from vad_worker.model import SileroVad
from vad_worker.official import OfficialVad, session
from vad_worker.weights import CONTEXT, official_file

_BATCHES = (1, 16, 64, 256, 1024)
_SHORT = (1, 64)
_FRAMES_MEASURED, _SHORT_MEASURED = 30_000, 500
"""Leg-frames that each way is measured with per batch size."""
_TURN = 4
"""Batches that one way infers before it is the next one's turn, as its weights leave the caches."""
_TURNS = (5, 50)
"""Turns of each way, at least and at most."""
_ALIKE = 1e-4
BASELINE, BATCHED, JIT, OURS = "official ONNX, one by one", "batched", "TorchScript", "ours"


Way: TypeAlias = Callable[[FloatArray], FloatArray]
"""Takes the next frame of every leg, float32 [n, 512]; returns n probabilities."""


@dataclass(frozen=True)
class Figures:
    """What one way costs at one batch size."""

    way: str
    batch: int
    microseconds: float
    """CPU time per frame, median over turns."""
    ratio: float
    """Of the baseline's cost to this one's, in the same run: how many times faster."""
    apart: float
    """Largest difference from the baseline's probabilities."""

    @property
    def legs_per_core(self) -> float:
        """Legs whose frames one core infers in real time."""
        return 1e6 * FRAME / SAMPLE_RATE / self.microseconds


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; non-zero when ours is not within 1e-4 of the official model."""
    parser = parser_of("vad", __doc__, short="a little of everything")
    parser.add_argument("--jit", action="store_true")
    devices.add_options(parser)
    options = parser.parse_args(argv)
    if options.device:
        return devices.report(
            _SUBJECT, options.device, legs=options.legs, short=options.short, json=options.json
        )
    rows: list[Figures] = []
    print(_HEADER)
    for batch in _SHORT if options.short else _BATCHES:
        measured = measure(
            batch, _SHORT_MEASURED if options.short else _FRAMES_MEASURED, jit=options.jit
        )
        rows += measured
        print("\n".join(_line(row) for row in measured), flush=True)
    if options.json:
        report = [asdict(row) | {"legs_per_core": row.legs_per_core} for row in rows]
        record.write(options.json, report)
    return 1 if any(row.apart > _ALIKE for row in rows if row.way == OURS) else 0


def measure(batch: int, leg_frames: int, *, jit: bool) -> list[Figures]:
    """Return the figures of every way at one batch size, the baseline first."""
    ways = _ways(batch, jit=jit)
    turns = min(_TURNS[1], max(_TURNS[0], leg_frames // batch // _TURN))
    used: dict[str, list[float]] = {name: [] for name in ways}
    apart = dict.fromkeys(ways, 0.0)
    for heard in np.split(_legs(batch, turns * _TURN), turns):
        said = {}
        for name, way in ways.items():
            started = time.process_time_ns()
            said[name] = [way(frames) for frames in heard]
            used[name].append((time.process_time_ns() - started) / 1000 / batch / _TURN)
            difference = np.abs(np.subtract(said[name], said[BASELINE])).max()
            apart[name] = max(apart[name], float(difference))
    costs = {name: statistics.median(each) for name, each in used.items()}
    ratios = {
        name: statistics.median(a / b for a, b in zip(used[BASELINE], each, strict=True))
        for name, each in used.items()
    }
    return [Figures(name, batch, costs[name], ratios[name], apart[name]) for name in ways]


def _legs(batch: int, rounds: int) -> FloatArray:
    """Return what the legs hear, float32 [rounds, batch, 512]: speech or none, noise or none."""
    rng = np.random.default_rng(0)
    call, rate = soundfile.read(sample.AUDIO, dtype="float32")
    speech = soxr.resample(call.mean(axis=1), rate, SAMPLE_RATE)
    heard = np.empty((rounds, batch, FRAME), np.float32)
    for leg in range(batch):
        first = int(rng.integers(0, len(speech)))
        loudness = 0.0 if leg % 8 == 7 else rng.uniform(0.1, 1)
        samples = np.resize(np.roll(speech, -first), rounds * FRAME) * loudness
        noise = rng.standard_normal(len(samples)) * rng.choice([0, 0.003, 0.1])
        heard[:, leg] = (samples + noise).reshape(rounds, FRAME)
    return heard


def _ways(batch: int, *, jit: bool) -> dict[str, Way]:
    ways = {BASELINE: _one_by_one(batch), BATCHED: _batched(batch)}
    if jit:
        ways[JIT] = _torch_script(batch)
    return ways | {OURS: _engine(SileroVad(), batch)}


def _engine(vad: Engine[Any], batch: int) -> Way:
    states = [vad.open() for _ in range(batch)]
    return lambda frames: vad.run(states, [1] * batch, frames.reshape(-1))


def _one_by_one(batch: int) -> Way:
    """Return the ONNX file run for one leg after the other."""
    return _engine(OfficialVad(), batch)


def _batched(batch: int) -> Way:
    """Return the ONNX file run for all legs in one batch."""
    network = session()
    rate = np.array(SAMPLE_RATE, np.int64)
    state = np.zeros((2, batch, 128), np.float32)
    context = np.zeros((batch, CONTEXT), np.float32)

    def infer(frames: FloatArray) -> FloatArray:
        nonlocal state, context
        feed = {"input": np.concatenate((context, frames), axis=1), "state": state, "sr": rate}
        output, state = network.run(["output", "stateN"], feed)
        context = frames[:, -CONTEXT:]
        probabilities: FloatArray = output[:, 0]
        return probabilities

    return infer


def _torch_script(batch: int) -> Way:
    """Return the TorchScript file run for one leg after the other."""
    import torch

    torch.set_num_threads(1)
    load: Any = torch.jit.load
    with warnings.catch_warnings(action="ignore"):  # the official format is a deprecated one
        network = load(str(official_file("silero_vad.jit")))._model.eval()
    states = [torch.zeros(2, 1, 128) for _ in range(batch)]
    contexts = np.zeros((batch, CONTEXT), np.float32)

    def infer(frames: FloatArray) -> FloatArray:
        probabilities = np.empty(batch, np.float32)
        inputs = torch.from_numpy(np.concatenate((contexts, frames), axis=1))
        with torch.inference_mode():
            for leg in range(batch):
                output, states[leg] = network(inputs[leg : leg + 1], states[leg])
                probabilities[leg] = output.item()
        contexts[:] = frames[:, -CONTEXT:]
        return probabilities

    return infer


def _on_device(device: str, legs: int) -> devices.OnDevice:
    from vad_worker.torch_model import TorchVad

    vad = TorchVad(device, legs)
    states = [vad.open() for _ in range(legs)]
    return devices.OnDevice(
        run=lambda heard: vad.run(states, [1] * legs, heard.reshape(-1)),
        fetch=lambda: vad.collect(states),
        moved=vad.rows,
    )


_SUBJECT = devices.Subject(
    samples=FRAME,
    device=_on_device,
    numpy=lambda legs: _engine(SileroVad(), legs),
    numpy_legs=256,
    tolerance=_ALIKE,
)

_HEADER = f"{'legs':>5} | {'way':26} | us/frame | legs/core | times faster |   apart"


def _line(row: Figures) -> str:
    return (
        f"{row.batch:>5} | {row.way:26} | {row.microseconds:>8.1f} | {row.legs_per_core:>9.0f} |"
        f" {row.ratio:>12.2f} | {row.apart:.1e}"
    )
