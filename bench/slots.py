"""Expected answers that are dictated: whether they are one slot, right, and told soon.

    python -m bench slots [--engine NAME] [--answer S] [--most N] [--json FILE]

Numbers of ten digits are said in groups with pauses between them, some longer than any utterance
waits, with hesitations and corrections: by three synthetic voices (Debian's `flite` and
`espeak-ng`) and joined from recorded digits (Debian's `asterisk-core-sounds-en-wav`), all at 8 kHz.
They go through the real stages in this process (`bench.in_process`).

An answer is whole if its last slot begins in the first utterance that has digits. Its characters
are compared with what the recogniser hears: of all digits that are said, corrected ones too, those
that are in its texts. Its delay is from the end of the last digit.
"""

import asyncio
import random
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from statistics import fmean

import numpy as np

from asr_worker import engines
from asr_worker.api import EngineSettings
from asr_worker.slots.line import Line as Words
from asr_worker.slots.listening import heard as heard_of
from bench import record
from bench.accounting import quantile
from bench.in_process import Heard, Line
from bench.options import parser_of
from bench.prompts import SOUNDS, prompts
from bench.recordings import channels
from bench.speech import trimmed
from callscribe.loadtest.scoring import word_errors
from common.audio import SAMPLE_RATE, FloatArray
from common.expectation import Expectation
from common.options import SessionOptions
from vad_worker.model import SileroVad

_DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_SPEAK: Mapping[str, tuple[str, ...]] = {
    "rms": ("flite", "-voice", "rms", "-o"),
    "slt": ("flite", "-voice", "slt", "-o"),
    "en-us": ("espeak-ng", "-v", "en-us", "-s", "150", "-w"),
}
_RECORDED = "recorded"
_PAUSES_S = (0.5, 0.8, 1.0, 1.5, 2.5, 4.0)
_BEFORE_S, _AFTER_S, _BETWEEN_S = 0.5, 4.5, 0.1
_GROUPS = (3, 3, 4)
_OPTIONS = SessionOptions(
    language="English", endpointing="turn", silence_threshold=0.8, interim_results=False
)


@dataclass(frozen=True)
class Dictation:
    """A number as it is said: float32 [n] at 16 kHz; its last digit ends at `over`.

    `said`: all digits that are said, those that are corrected too.
    """

    value: str
    said: str
    audio: FloatArray
    over: int


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What became of the dictations of one voice; shares in 0..1, delays in s.

    `characters`: of the values those that are right; `heard`: those in the texts. `split`:
    dictations in more than one utterance.
    """

    dictations: int
    split: float
    whole: float
    right: float
    characters: float
    heard: float
    told_p50: float
    told_p95: float


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; non-zero if fewer than 19 of 20 answers are whole."""
    parser = parser_of("slots", __doc__, engine=True)
    parser.add_argument("--answer", type=float, default=0.15, metavar="S")
    parser.add_argument("--most", type=int, default=100, metavar="N", help="dictations of a voice")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    figures, ordinary = asyncio.run(
        measure(options.most, options.engine, options.answer, options.seed)
    )
    print(f"{'voice':9} {'n':>4} split whole right chars heard  told p50 / p95")
    for name, row in figures.items():
        shares = (row.split, row.whole, row.right, row.characters, row.heard)
        said = " ".join(f"{share:>5.1%}" for share in shares)
        print(f"{name:9} {row.dictations:>4} {said}  {row.told_p50:.2f} / {row.told_p95:.2f} s")
    print(f"ordinary speech: {ordinary[0]} of {ordinary[1]} sentences end otherwise")
    if options.json:
        rows = {name: asdict(row) for name, row in figures.items()}
        record.write(options.json, {"voices": rows, "ordinary": ordinary})
    return 0 if all(row.whole >= 0.95 for row in figures.values()) else 1


async def measure(
    most: int, name: str, answer: float, seed: int
) -> tuple[dict[str, Figures], tuple[int, int]]:
    """Return figures by voice; and of how many sentences the end is another where one is asked."""
    engine = engines.build(name, EngineSettings(concurrency=1))
    await engine.start()
    line = Line(engine, SileroVad(), answer_s=answer)
    dice = random.Random(seed)
    voices = {
        voice: await _voice(line, [_dictation(voice, dice) for _ in range(most)])
        for voice in (*_SPEAK, _RECORDED)
    }
    ordinary = await _ordinary(line, most // 2)
    await engine.close()
    return voices, ordinary


async def _voice(line: Line, said: Sequence[Dictation]) -> Figures:
    asked = replace(_OPTIONS, expect="digits 10")
    split, whole, right, told = [], [], [], []
    errors = misheard = 0
    for each in said:
        heard = await line.hear(each.audio, asked)
        values = [(at, answer) for one in heard for at, answer in one.answers]
        split.append(sum(bool(one.text) for one in heard) > 1)
        first = next((answer.first for _, answer in values if answer.value), 0)
        last = values[-1][1] if values else None
        value = last.value if last is not None else ""
        whole.append(last is not None and last.first == first)
        right.append(value == each.value)
        errors += _wrong(each.value, value)
        misheard += _wrong(each.said, "".join(_heard(one.text) for one in heard))
        early = [at for at, answer in values if answer.complete and at > each.over]
        told += [(min(early) - each.over) / SAMPLE_RATE] if early else []
    characters = sum(len(each.value) for each in said)
    return Figures(
        dictations=len(said),
        split=fmean(split),
        whole=fmean(whole),
        right=fmean(right),
        characters=1 - errors / characters,
        heard=1 - misheard / sum(len(each.said) for each in said),
        told_p50=quantile(told, 0.5),
        told_p95=quantile(told, 0.95),
    )


async def _ordinary(line: Line, most: int) -> tuple[int, int]:
    """Return how many sentences without digits end later or elsewhere where digits are expected."""
    found = [each for each in prompts("English", 4 * most) if len(each.text.split()) > 4][:most]
    differ = 0
    for each in found:
        audio = np.concatenate([_quiet(_BEFORE_S), each.audio, _quiet(_AFTER_S)])
        plain, asked = [
            await line.hear(audio, replace(_OPTIONS, expect=expect)) for expect in ("", "digits 10")
        ]
        differ += _ends(plain) != _ends(asked)
    return differ, len(found)


def _heard(text: str) -> str:
    """Return all digits of a text."""
    digits = Expectation("digits")
    return "".join(each.text for each in heard_of(Words(text, "English"), digits))


def _wrong(value: str, found: str) -> int:
    """Return how many characters are wrong."""
    wrong, _ = word_errors([" ".join(value)], [" ".join(found)])
    return wrong


def _ends(heard: Sequence[Heard]) -> list[tuple[int, int, str]]:
    return [(each.end, each.at, each.text) for each in heard]


def _dictation(voice: str, dice: random.Random) -> Dictation:
    """Return a number in groups, every third time with a correction, else often hesitating."""
    value = "".join(dice.choice("0123456789") for _ in range(sum(_GROUPS)))
    digits = ""
    parts: list[FloatArray] = []
    at = 0
    corrected = dice.randrange(len(_GROUPS)) if dice.random() < 1 / 3 else -1
    for number, size in enumerate(_GROUPS):
        group = value[at : at + size]
        at += size
        if number == corrected:
            wrong = group[:-1] + str((int(group[-1]) + dice.randrange(1, 10)) % 10)
            digits += wrong
            parts += [_said(voice, wrong), _quiet(0.4), _word(voice, "sorry"), _quiet(0.2)]
        elif voice != _RECORDED and dice.random() < 0.3:
            parts += [_word(voice, "um"), _quiet(0.3)]
        digits += group
        parts.append(_said(voice, group))
        if number < len(_GROUPS) - 1:
            parts.append(_quiet(dice.choice(_PAUSES_S)))
    spoken = np.concatenate([_quiet(_BEFORE_S), *parts])
    return Dictation(value, digits, np.concatenate([spoken, _quiet(_AFTER_S)]), len(spoken))


def _said(voice: str, digits: str) -> FloatArray:
    if voice != _RECORDED:
        return _word(voice, ", ".join(_DIGITS[int(each)] for each in digits))
    between = _quiet(_BETWEEN_S)
    sounds = [_recording(f"digits/{each}") for each in digits]
    return np.concatenate([part for each in sounds for part in (each, between)][:-1])


def _word(voice: str, text: str) -> FloatArray:
    return _recording(text) if voice == _RECORDED else _synthetic(voice, text)


@cache
def _recording(name: str) -> FloatArray:
    return trimmed(channels(SOUNDS / "en" / f"{name}.wav")[0])


@cache
def _synthetic(voice: str, text: str) -> FloatArray:
    """Return what a program says, as a telephone line with 8 kHz has it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        program, *more = _SPEAK[voice]
        said = ["-t", text] if program == "flite" else []
        command = [program, *said, *more, str(path)] + ([] if said else [text])
        subprocess.run(command, check=True, capture_output=True)
        audio = channels(path)[0]
    spectrum = np.fft.rfft(audio)
    spectrum[len(spectrum) // 2 :] = 0
    return trimmed(np.fft.irfft(spectrum, len(audio)).astype(np.float32))


def _quiet(seconds: float) -> FloatArray:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)
