"""The speech that recognisers are measured with, cut into utterances as the pipeline does."""

import re
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np

from asr_worker.api import DecodeRequest, Priority
from bench.recordings import channels, expand, references
from callscribe import sample
from callscribe.loadtest.scoring import normalise
from common.audio import FloatArray
from common.pipeline.speech import Ended
from vad_worker.endpointer import Endpointer, EndpointerParams
from vad_worker.framing import FRAME, energies
from vad_worker.model import SileroVad

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "data" / "speech"
SPOKEN = {
    "harvard_16k": "The stale smell of old beer lingers. It takes heat to bring out the odor. A "
    "cold dip restores health and zest. A salt pickle tastes fine with ham. Tacos al pastor are my "
    "favorite. A zestful food is the hot cross bun.",
    "osr_8k": "A gold ring will please most any girl. The long journey home took a year. She saw a "
    "cat in the neighbor's house. A pink shell was found on the sandy beach. Small children came "
    "to see him. The grass and bushes were wet with dew. The blind man counted his old coins. A "
    "severe storm tore down the barn. She called his name many times. When you hear the bell, come "
    "quickly.",
    "jfk": "And so, my fellow Americans, ask not what your country can do for you, ask what you "
    "can do for your country.",
}
"""What is said in published recordings that have no text beside them."""
_QUIET = 0.02
_CLIPS = ("counting", "hello_world", "quick_brown_fox")
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_DIGITS = {word: str(number) for number, word in enumerate(_NUMBERS)}

Speech = tuple[str, FloatArray, str | None]
"""A recording's name, a channel of it, and what is said."""


def one_notation(text: str) -> str:
    """Return the words of `text`, numbers as single digits.

    Whether Whisper writes "one two three" or "1-23" depends on the last bit of a score, which
    depends on the processor. Both are the same words.
    """
    digits = " ".join(_DIGITS.get(word, word) for word in normalise(text).split())
    return " ".join(re.sub(r"(\d)", r" \1 ", digits).split())


def clips() -> Iterator[Speech]:
    """Return the English clips of pytest-audioeval."""
    for name in _CLIPS:
        folder = files("pytest_audioeval") / "samples" / "audio" / "en"
        with as_file(folder / f"{name}.wav") as path:
            yield name, channels(path)[0], (folder / f"{name}.txt").read_text()


def call() -> Iterator[Speech]:
    """Return the channels of the sample call."""
    for channel, reference in zip(channels(sample.AUDIO), sample.references(), strict=True):
        yield "sample call", channel, reference


def found(folder: Path) -> Iterator[Speech]:
    """Return the recordings in a folder."""
    for path in sorted(folder.glob("*.wav")) + sorted(folder.glob("*.flac")):
        texts = said(path)
        yield path.stem, channels(path)[0], texts[0] if texts else None


def known(folder: Path = CORPUS) -> list[Path]:
    """Return the recordings in a folder whose words are known."""
    return [path for path in (expand([folder]) if folder.is_dir() else []) if said(path)]


def said(path: Path, legs: int = 1) -> list[str] | None:
    """Return what is said in a recording with `legs` channels, by channel, where it is known."""
    spoken = SPOKEN.get(path.stem)
    return references(path) or (None if spoken is None else [spoken] * legs)


def request(audio: FloatArray, *, final: bool = True, **more: Any) -> DecodeRequest:
    """Return the request for a final, or for a partial, of an utterance."""
    priority = Priority.FINAL if final else Priority.REFRESH
    return DecodeRequest(utterance="u", audio=audio, priority=priority, final=final, **more)


def trimmed(audio: FloatArray) -> FloatArray:
    """Return `audio` without the silence around it; all of it if there is nothing else."""
    loud = np.flatnonzero(np.abs(audio) > _QUIET)
    return audio[loud[0] : loud[-1] + 1] if len(loud) else audio


def utterances(audio: FloatArray) -> list[FloatArray]:
    """Return the utterances that the VAD makes of it with its usual settings."""
    return [each for _, each in placed_utterances(audio)]


def placed_utterances(audio: FloatArray) -> list[tuple[int, FloatArray]]:
    """Return the same, each with the position of its first sample."""
    vad, endpointer = SileroVad(), Endpointer(EndpointerParams())
    frames = audio[: len(audio) // FRAME * FRAME]
    probabilities = vad.run([vad.open()], [len(frames) // FRAME], frames)
    events: list[Any] = []
    for probability, energy in zip(probabilities, energies(frames), strict=True):
        events += endpointer.push(float(probability), float(energy))
    events += endpointer.finish(len(audio))
    ended = [each for each in events if isinstance(each, Ended)]
    return [(each.start, audio[each.start : each.end]) for each in ended]
