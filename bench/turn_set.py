"""Speech of known turns, from recorded voices: where pauses lie within a turn, where it ends.

Sentences are the voice prompts of `bench.prompts` whose text is one sentence, and those of
`pytest-audioeval`. Each is taken apart at its quietest moment, with a pause put in, and is followed
by silence. Numbers, names and addresses are joined from recorded digits and letters, in groups with
pauses between them.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from bench.prompts import SOUNDS, VOICES, texts
from bench.recordings import channels
from bench.speech import trimmed
from common.audio import SAMPLE_RATE, FloatArray

PAUSES_S = (0.3, 0.5, 0.7, 0.9, 1.2)
_CLIPS = {
    "English": "en/quick_brown_fox",
    "Spanish": "es/pangrama",
    "French": "fr/pangrama",
    "Italian": "it/pangrama",
}
_WORDS = range(5, 25)
_ONE_SENTENCE = re.compile(r"[^.?!]+[.?!]")
_BEFORE_S, _AFTER_S = 0.5, 2.5
_WINDOW = SAMPLE_RATE // 20
_GROUPS = (3, 3, 4)
_BETWEEN_S = 0.1


@dataclass(frozen=True)
class Turn:
    """A turn, float32 [n] at 16 kHz: silence, speech with pauses [start, end), silence.

    `over`: where its speech ends. `spelled`: it is dictated in groups.
    """

    language: str
    audio: FloatArray
    pauses: tuple[tuple[int, int], ...]
    over: int
    spelled: bool = False


def turns(*, most: int, spelled: int, seed: int = 1) -> list[Turn]:
    """Return at most `most` sentences of each language, and `spelled` dictations."""
    found: list[Turn] = []
    for language in VOICES:
        dice = random.Random(f"{seed} {language}")
        recordings = [trimmed(channels(path)[0]) for path in _sentences(language, dice, most)]
        recordings += [trimmed(each) for each in _clips(language)]
        for number, audio in enumerate(recordings[:most]):
            pause = PAUSES_S[number % len(PAUSES_S)]
            found.append(_turn(language, _apart(audio), pause))
        if (folder := SOUNDS / VOICES[language]).is_dir():
            found += [_dictated(language, folder, dice, number) for number in range(spelled)]
    return found


def _sentences(language: str, dice: random.Random, most: int) -> Sequence[Path]:
    paths = [
        SOUNDS / VOICES[language] / f"{name}.wav"
        for name, text in sorted(texts(language).items())
        if len(text.split()) in _WORDS and _ONE_SENTENCE.fullmatch(text.strip())
    ]
    dice.shuffle(paths)
    return [path for path in paths if path.exists()][:most]


def _clips(language: str) -> Iterator[FloatArray]:
    if (place := _CLIPS.get(language)) is not None:
        folder = files("pytest_audioeval") / "samples" / "audio"
        with as_file(folder / f"{place}.wav") as path:
            yield channels(path)[0]


def _apart(audio: FloatArray) -> list[FloatArray]:
    """Cut speech where it is quietest, in the middle half of it."""
    power = np.convolve(np.square(audio), np.ones(_WINDOW, np.float32), "same")
    first, last = len(audio) // 4, 3 * len(audio) // 4
    cut = first + int(np.argmin(power[first:last]))
    return [audio[:cut], audio[cut:]]


def _dictated(language: str, folder: Path, dice: random.Random, number: int) -> Turn:
    """Return a number, every third time a name, in groups of three or four."""
    names = [str(digit) for digit in range(10)]
    kind = "digits"
    if number % 3 == 2 and (folder / "letters" / "a.wav").exists():
        kind, names = "letters", [chr(ord("a") + letter) for letter in range(26)]
    sounds = [path for name in names if (path := folder / kind / f"{name}.wav").exists()]
    between = _quiet(_BETWEEN_S)
    groups = []
    for count in _GROUPS:
        said = [trimmed(channels(dice.choice(sounds))[0]) for _ in range(count)]
        groups.append(np.concatenate([part for each in said for part in (each, between)][:-1]))
    return _turn(language, groups, PAUSES_S[1 + number % (len(PAUSES_S) - 1)], spelled=True)


def _turn(
    language: str, parts: Sequence[FloatArray], pause: float, *, spelled: bool = False
) -> Turn:
    audio, at = [_quiet(_BEFORE_S)], round(_BEFORE_S * SAMPLE_RATE)
    pauses: list[tuple[int, int]] = []
    for number, part in enumerate(parts):
        if number:
            audio.append(_quiet(pause))
            pauses.append((at, at + len(audio[-1])))
            at += len(audio[-1])
        audio.append(part)
        at += len(part)
    whole = np.concatenate([*audio, _quiet(_AFTER_S)])
    return Turn(language, whole, tuple(pauses), at, spelled)


def _quiet(seconds: float) -> FloatArray:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)
