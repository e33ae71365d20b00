"""Speech of known turns, from recorded voices: where pauses lie within a turn, where it ends.

Sentences are the voice prompts of `bench.prompts` whose text is one sentence. Each is taken apart
at its quietest moment, with a pause put in, and is followed by silence. Numbers and names are
joined from recorded digits and letters, in groups with pauses between them.

The first half of the sentences is what the rules were tuned with, the other half is held out. All
are there at 8 kHz, and at 16 kHz where Debian's `asterisk-core-sounds-*-g722` are installed.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from bench.prompts import SOUNDS, VOICES, texts
from bench.recordings import channels
from bench.speech import trimmed
from common.audio import SAMPLE_RATE, FloatArray, pcm16_to_float

PAUSES_S = (0.3, 0.5, 0.7, 0.9, 1.2)
_NARROW, _WIDE = ".wav", ".g722"
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


def turns(*, most: int, spelled: int, held_out: bool = True, wide: bool = False) -> list[Turn]:
    """Return at most `most` sentences of each language, and `spelled` dictations.

    `held_out`: other ones than the rules were tuned with. `wide`: recorded at 16 kHz.
    """
    found: list[Turn] = []
    kind = _WIDE if wide else _NARROW
    for language in VOICES:
        paths = _sentences(language, kind)
        half = len(paths) // 2
        for number, path in enumerate((paths[half:] if held_out else paths[:half])[:most]):
            pause = PAUSES_S[number % len(PAUSES_S)]
            found.append(_turn(language, _apart(_spoken(path)), pause))
        if (folder := SOUNDS / VOICES[language]).is_dir():
            dice = random.Random(f"{language} {held_out}")
            found += [_dictated(language, folder, kind, dice, each) for each in range(spelled)]
    return found


def _sentences(language: str, kind: str) -> Sequence[Path]:
    paths = [
        SOUNDS / VOICES[language] / f"{name}{kind}"
        for name, text in sorted(texts(language).items())
        if len(text.split()) in _WORDS and _ONE_SENTENCE.fullmatch(text.strip())
    ]
    random.Random(f"1 {language}").shuffle(paths)
    return [path for path in paths if path.exists()]


def _spoken(path: Path) -> FloatArray:
    """Return a recording without the silence around it, float32 [n] at 16 kHz."""
    if path.suffix != _WIDE:
        return trimmed(channels(path)[0])
    # Bare G.722, which no header tells.
    with av.open(str(path), format="g722") as file:
        blocks = [frame.to_ndarray().ravel() for frame in file.decode(audio=0)]
    return trimmed(pcm16_to_float(np.concatenate(blocks).tobytes()))


def _apart(audio: FloatArray) -> list[FloatArray]:
    """Cut speech where it is quietest, in the middle half of it."""
    power = np.convolve(np.square(audio), np.ones(_WINDOW, np.float32), "same")
    first, last = len(audio) // 4, 3 * len(audio) // 4
    cut = first + int(np.argmin(power[first:last]))
    return [audio[:cut], audio[cut:]]


def _dictated(language: str, folder: Path, suffix: str, dice: random.Random, number: int) -> Turn:
    """Return a number, every third time a name, in groups of three or four."""
    names = [str(digit) for digit in range(10)]
    kind = "digits"
    if number % 3 == 2 and (folder / "letters" / f"a{suffix}").exists():
        kind, names = "letters", [chr(ord("a") + letter) for letter in range(26)]
    sounds = [path for name in names if (path := folder / kind / f"{name}{suffix}").exists()]
    between = _quiet(_BETWEEN_S)
    groups = []
    for count in _GROUPS:
        said = [_spoken(dice.choice(sounds)) for _ in range(count)]
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
