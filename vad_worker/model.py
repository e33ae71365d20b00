"""Silero VAD v6 on onnxruntime, one batch over all legs of a worker.

The model reads 512 samples at 16 kHz after the 64 before them and keeps a recurrent state per leg
(https://github.com/snakers4/silero-vad, `OnnxWrapper`). The file comes from the `silero-vad` wheel;
the package is not imported, because that would load torch.

One frame costs 65 us in batches of 16 to 256 legs and 190 us alone, of which the runtime takes 57
and 115 (one thread of a busy 2-core machine).
"""

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from common.audio import SAMPLE_RATE, FloatArray
from common.errors import Misuse, SettingsError
from vad_worker.framing import FRAME

_CONTEXT = 64
_STATE = (2, 128)
_STATE_SIZE = 2 * 128
_RATE = np.array(SAMPLE_RATE, dtype=np.int64)


class VadState:
    """What the model remembers of one leg; made by `SileroVad.open`, changed by `run`."""

    __slots__ = ("context", "recurrent")

    def __init__(self, recurrent: FloatArray, context: FloatArray) -> None:
        self.recurrent = recurrent
        """float32 [2, 128]: hidden and cell state of the LSTM."""
        self.context = context
        """float32 [64]: the last samples heard."""

    def dump(self) -> bytes:
        """Return the state for `SileroVad.load_state`: 320 little-endian float32, 1280 bytes."""
        joined = np.concatenate((self.recurrent.reshape(-1), self.context))
        return bytes(joined.astype("<f4").tobytes())


class SileroVad:
    """The model, shared by all legs; `threads` is the size of the runtime's thread pool.

    `run` blocks and must not be called for one state from two threads at once; different states
    may run at the same time. Raises SettingsError when the model file is not installed.
    """

    FRAME = FRAME
    """Samples per frame, 32 ms."""

    def __init__(self, threads: int = 1) -> None:
        # Since 1.29 onnxruntime reports its use to its maker unless told not to when it loads.
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # A spinning pool would burn a core of its own between two ticks.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            str(_model_path()), options, providers=["CPUExecutionProvider"]
        )

    def open(self) -> VadState:
        """Return the state of a leg that has heard nothing."""
        return VadState(np.zeros(_STATE, np.float32), np.zeros(_CONTEXT, np.float32))

    @staticmethod
    def load_state(data: bytes) -> VadState:
        """Return the state that `VadState.dump` wrote; Misuse when it is of another size."""
        values = np.frombuffer(data, "<f4").astype(np.float32)
        if len(values) != _STATE_SIZE + _CONTEXT:
            raise Misuse(f"a VAD state has {_STATE_SIZE + _CONTEXT} values, not {len(values)}")
        return VadState(values[:_STATE_SIZE].reshape(_STATE), values[_STATE_SIZE:])

    def run(self, legs: Sequence[tuple[VadState, FloatArray]]) -> list[FloatArray]:
        """Return the speech probabilities of every leg's new frames, float32 [k] in 0..1.

        A leg brings its state and k whole frames, float32 [k * 512] in [-1, 1] at 16 kHz, k >= 0
        and different per leg. States change in place. Frame i of all legs that have one is one
        batch. Raises Misuse, before any state changed, for samples that are no whole frames.
        """
        for _, samples in legs:
            if samples.dtype != np.float32 or samples.ndim != 1 or len(samples) % FRAME:
                raise Misuse(f"samples are {samples.dtype} {samples.shape}, not float32 [k * 512]")
        # Longest first: the legs of a round are then the first ones of the round before.
        frames = [len(samples) // FRAME for _, samples in legs]
        order = sorted((leg for leg, k in enumerate(frames) if k), key=lambda leg: -frames[leg])
        results: list[FloatArray] = [np.zeros(0, np.float32)] * len(legs)
        if not order:
            return results
        batch = [legs[leg] for leg in order]
        counts = np.array([frames[leg] for leg in order])
        states = np.concatenate([state.recurrent for state, _ in batch]).reshape(-1, *_STATE)
        recurrent = np.ascontiguousarray(states.transpose(1, 0, 2))
        # All legs in one row, each as its context and then its samples; windows are views of it.
        heard = np.concatenate([part for state, new in batch for part in (state.context, new)])
        windows = np.lib.stride_tricks.sliding_window_view(heard, _CONTEXT + FRAME)
        starts = np.arange(len(order)) * _CONTEXT + (np.cumsum(counts) - counts) * FRAME
        rounds = int(counts[0])
        probabilities = np.empty((rounds, len(order)), np.float32)
        for turn in range(rounds):
            here = int(np.count_nonzero(counts > turn))
            feed = {
                "input": windows[starts[:here] + turn * FRAME],
                "state": np.ascontiguousarray(recurrent[:, :here]),
                "sr": _RATE,
            }
            output, recurrent[:, :here] = self._session.run(["output", "stateN"], feed)
            probabilities[turn, :here] = output[:, 0]
        for row, (state, samples) in enumerate(batch):
            # Copies: a view would keep the whole batch alive for as long as the leg is silent.
            state.recurrent = recurrent[:, row].copy()
            state.context = samples[-_CONTEXT:].copy()
            results[order[row]] = probabilities[: counts[row], row].copy()
        return results


def _model_path() -> Path:
    # find_spec of a top-level package locates it without running any of its code.
    spec = find_spec("silero_vad")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "data" / "silero_vad.onnx"
        if path.is_file():
            return path
    raise SettingsError("the VAD model is not installed: pip install 'callscribe[vad]'")
