"""The log-mel spectrum of a growing utterance, computed once for all its decodes.

Qwen3-ASR was trained on Whisper's log-mel with 128 bands: Radford et al., "Robust Speech
Recognition via Large-Scale Weak Supervision", 2022, section 2.2; `WhisperFeatureExtractor` and
`Qwen3ASRFeatureExtractor` of transformers, whose frames vLLM feeds the model unpadded:
400-point STFT every 160 samples with a periodic Hann window, frame t centred on sample 160 t with
the edges reflected, and n // 160 frames of n samples. Audio under 0.5 s is filled up with zeros.

Frame t depends on the samples from 160 t - 200 to 160 t + 199. It is *settled* once all of them are
there: later audio cannot change it. Only the last frame of 0.5 s or more can be unsettled. The
floor, 8 below the loudest value, depends on the whole utterance; `asr_worker.qwen.clips` applies
it.
"""

from dataclasses import dataclass

import numpy as np

from common.audio import SAMPLE_RATE, FloatArray

HOP = 160
BANDS = 128
WINDOW_FRAMES = 800
"""The encoder attends within 8 s and never across."""

_FFT = 400
_REACH = _FFT // 2
_SHORTEST = SAMPLE_RATE // 2
# The rounding of a BLAS product depends on its shape and on the row's place in it. So rows are
# multiplied in blocks of one shape at fixed frames, and any growth gives the same bits. A block has
# 10 rows, because OpenBLAS splits larger products among its threads: 7 times slower on a busy
# machine.
_BLOCK = 10


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """8 s of settled frames: log10 mel power, float32 [128, 800], read-only."""

    log_mel: FloatArray
    highest: float


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """The log10 mel power of an utterance so far, before the floor; immutable.

    51 kB per second of audio. An extended spectrum shares the `windows` of the shorter one.
    """

    windows: tuple[Window, ...]
    tail: FloatArray
    """float32 [128, 0 to 800], read-only: the frames after the last window."""
    settled: int
    """How many frames, from the first on, later audio cannot change."""
    highest: float
    """The largest value of all frames."""

    @property
    def frames(self) -> int:
        """How many frames there are, settled or not; never under 50."""
        return len(self.windows) * WINDOW_FRAMES + int(self.tail.shape[1])


def extend(previous: Spectrum | None, audio: FloatArray) -> Spectrum:
    """Return the spectrum of `audio`, float32 [n] at 16 kHz, the utterance from its first sample.

    `previous` is the spectrum of more or less of the same utterance: frames settled in both are
    reused, the rest is computed. The result does not depend on `previous`, bit for bit. The cost is
    that of the added audio, and of copying the tail. Safe in any thread.
    """
    # Frame 0 also sees the reflection of sample 200, which may be missing: its weight is 0.
    settled = max(0, len(audio) - _REACH + HOP) // HOP
    if len(audio) < _SHORTEST:
        audio = np.pad(audio, (0, _SHORTEST - len(audio)))
    total = len(audio) // HOP
    windows, tail = _settled_in_both(previous, settled)
    done = len(windows) * WINDOW_FRAMES + tail.shape[1]
    while done < total:
        edge = (len(windows) + 1) * WINDOW_FRAMES
        fresh = _log_mel(audio, done, min(edge, total))
        tail = np.concatenate((tail, fresh), axis=1)
        tail.flags.writeable = False
        done = min(edge, total)
        if settled >= edge:
            windows.append(Window(tail, float(tail.max())))
            tail = _NO_FRAMES
    highest = max((window.highest for window in windows), default=-np.inf)
    highest = max(highest, float(tail.max(initial=-np.inf)))
    return Spectrum(tuple(windows), tail, settled, highest)


def _settled_in_both(previous: Spectrum | None, settled: int) -> tuple[list[Window], FloatArray]:
    """Return the windows and tail frames of `previous` within the first `settled` frames."""
    if previous is None:
        return [], _NO_FRAMES
    whole, rest = divmod(min(settled, previous.settled), WINDOW_FRAMES)
    if whole < len(previous.windows):
        return list(previous.windows[:whole]), previous.windows[whole].log_mel[:, :rest]
    return list(previous.windows), previous.tail[:, :rest]


def _log_mel(audio: FloatArray, first: int, last: int) -> FloatArray:
    """Return the log10 mel power of the frames [first, last), float32 [128, last - first]."""
    start, end = first * HOP - _REACH, (last - 1) * HOP + _REACH
    span = audio[max(start, 0) : end]
    span = np.pad(span, (max(-start, 0), max(end - len(audio), 0)), mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(span, _FFT)[::HOP] * _HANN
    bins = np.fft.rfft(frames)
    offset = first % _BLOCK
    blocks = -(-(offset + last - first) // _BLOCK)
    power = np.zeros((blocks * _BLOCK, bins.shape[1]), np.float32)
    power[offset : offset + last - first] = np.square(bins.real) + np.square(bins.imag)
    mel = power.reshape(blocks, _BLOCK, -1) @ _MEL
    mel = mel.reshape(-1, BANDS)[offset : offset + last - first]
    log_mel: FloatArray = np.log10(np.maximum(mel, np.float32(1e-10))).T
    return log_mel


def _mel_filters() -> FloatArray:
    """Return Slaney's triangles of equal area, float32 [bins, 128], 0 to 8 kHz.

    The scale is linear below 1 kHz and logarithmic above: Slaney, "Auditory Toolbox", Technical
    Report 1998-010, Interval Research Corporation.
    """
    linear, octave = 200.0 / 3.0, np.log(6.4) / 27.0
    top = 15.0 + np.log(SAMPLE_RATE / 2 / 1000.0) / octave
    mels = np.linspace(0.0, top, BANDS + 2)
    edges = np.where(mels < 15.0, mels * linear, 1000.0 * np.exp((mels - 15.0) * octave))
    bins = np.fft.rfftfreq(_FFT, 1.0 / SAMPLE_RATE)[:, None]
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (bins - left) / (centre - left), (right - bins) / (right - centre)
    triangles = np.maximum(0.0, np.minimum(rising, falling)) * 2.0 / (right - left)
    filters: FloatArray = triangles.astype(np.float32)
    return filters


_HANN: FloatArray = np.hanning(_FFT + 1)[:-1].astype(np.float32)
_MEL = _mel_filters()
_NO_FRAMES: FloatArray = np.zeros((BANDS, 0), np.float32)
