"""Speech with known words, and noises to put over it; reproducible."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from bench import noises, speech
from bench.prompts import SOUNDS, VOICES, prompts, texts
from bench.recordings import channels
from common.audio import SAMPLE_RATE, FloatArray

_CHOSEN = (
    *("agent-alreadyon", "agent-incorrect", "agent-newlocation", "all-circuits-busy-now"),
    *("call-fwd-no-ans", "cannot-complete-as-dialed", "check-number-dial-again"),
    *("invalid", "privacy-unident", "queue-thankyou", "tt-allbusy"),
    *("vm-intro", "vm-nonumber", "vm-sorry"),
)
_OTHERS = ("es/conteo", "es/pangrama", "fr/comptage", "fr/pangrama", "it/conteggio", "it/pangrama")
_PAUSE = 1.2
_RECORDED = speech.CORPUS / "noise_48k.wav"
_HOLD_MUSIC = Path("/usr/share/asterisk/moh/macroform-cold_day.wav")
_HOLD_MUSIC_S = 60


@dataclass(frozen=True)
class SpokenLine:
    """One line, float32 [n] at 16 kHz: passages with pauses between them."""

    name: str
    audio: FloatArray
    passages: tuple[str, ...]


def lines(*, short: bool = False) -> list[SpokenLine]:
    """Return read speech and telephone speech, as far as it is installed here."""
    read = [(audio, text or "") for _, audio, text in speech.clips()]
    folder = speech.CORPUS
    if folder.is_dir():
        read = [(audio, text or "") for _, audio, text in speech.found(folder) if text]
        for name in ("harvard_16k", "osr_8k"):
            (path,) = folder.glob(f"{name}.*")
            read.append((channels(path)[0], speech.SPOKEN[name]))
    call = [(audio, text or "") for _, audio, text in speech.call()]
    made = [_line("read", read[:4] if short else read), _line("telephone call", call)]
    prompts = [] if short else list(_prompts())
    return [*made, *([_line("telephone prompts", prompts)] if prompts else [])]


def prompts_of(language: str, most: int = 20) -> SpokenLine:
    """Return voice prompts in a language, with pauses between them."""
    return _line(language, [(each.audio, each.text) for each in prompts(language, most)])


def mixed(line: SpokenLine, noise: str, snr: float | None) -> FloatArray:
    """Return the line with a noise at `snr` dB below the speech; None: without."""
    if snr is None:
        return line.audio
    over = np.resize(NOISES[noise], len(line.audio))
    gain = active(line.audio) / np.sqrt(np.mean(np.square(over))) * 10 ** (-snr / 20)
    louder = line.audio + np.float32(gain) * over
    scaled: FloatArray = (louder / max(1.0, float(np.abs(louder).max()))).astype(np.float32)
    return scaled


def active(audio: FloatArray) -> float:
    """Return the root mean square of the 30 ms frames within 30 dB of the loudest ones."""
    hop = SAMPLE_RATE * 3 // 100
    power = np.square(audio[: len(audio) // hop * hop]).reshape(-1, hop).mean(axis=1)
    return float(np.sqrt(power[power > np.quantile(power, 0.99) / 1000].mean()))


def _line(name: str, clips: list[tuple[FloatArray, str]]) -> SpokenLine:
    quiet = np.zeros(round(_PAUSE * SAMPLE_RATE), np.float32)
    level = np.median([active(audio) for audio, _ in clips])
    parts = [quiet]
    for audio, _ in clips:
        gain = min(level / active(audio), 0.9 / float(np.abs(audio).max()))
        parts += [audio * np.float32(gain), quiet]
    return SpokenLine(name, np.concatenate(parts), tuple(text for _, text in clips))


def _prompts() -> Iterator[tuple[FloatArray, str]]:
    said = texts("English")
    for name in _CHOSEN:
        if (path := SOUNDS / VOICES["English"] / f"{name}.wav").exists() and name in said:
            yield channels(path)[0], re.sub(r"\(.*?\)", "", said[name]).strip()


def _babble(voices: int) -> FloatArray:
    length = 20 * SAMPLE_RATE
    spoken = []
    for number in range(voices):
        folder = files("pytest_audioeval") / "samples" / "audio"
        with as_file(folder / f"{_OTHERS[number % len(_OTHERS)]}.wav") as path:
            voice = channels(path)[0]
        shifted = np.roll(np.resize(voice, length), number * 37_123)
        spoken.append(shifted / active(voice))
    together: FloatArray = np.sum(spoken, axis=0).astype(np.float32)
    return together


def _made() -> dict[str, FloatArray]:
    standing = noises.noises()
    recorded = {"recorded": channels(_RECORDED)[0]} if _RECORDED.exists() else {}
    if _HOLD_MUSIC.exists():
        recorded["hold music"] = channels(_HOLD_MUSIC)[0][: _HOLD_MUSIC_S * SAMPLE_RATE]
    return {
        "white": standing["white noise, -20 dB"],
        "pink": standing["pink noise"],
        "hum": standing["hum"],
        "babble of 4": _babble(4),
        "babble of 28": _babble(28),
        "music": standing["music"],
        "clicks": standing["clicks"],
        **recorded,
    }


NOISES = _made()
NAMES = tuple(NOISES)
