"""How far the times of words are from where they were spoken.

    python -m bench words [--engine NAME] [--short] [--json FILE]

Utterances are joined from recorded words of the spelling alphabet (`bench.prompts`), with pauses of
0.05 to 0.4 s between them, so it is known where each begins and ends. Words that are heard as
another are left out. A recording ends where it falls 30 dB below its loudest 20 ms.
"""

import asyncio
import json
import random
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any, NamedTuple

import numpy as np

from asr_worker import engines
from asr_worker.api import Engine, EngineSettings
from asr_worker.placing import placed
from bench import record, speech
from bench.accounting import quantile
from bench.options import parser_of
from bench.prompts import SOUNDS, VOICES
from bench.recordings import channels
from callscribe.loadtest.scoring import normalise
from common.audio import SAMPLE_RATE, FloatArray
from common.pipeline.text import TimedWord

_FOLDER = SOUNDS / VOICES["English"] / "phonetic"
_ALPHABET = (
    *("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet"),
    *("kilo", "lima", "mike", "november", "oscar", "papa", "quebec", "romeo", "sierra", "tango"),
    *("uniform", "victor", "whiskey", "xray", "yankee", "zulu"),
)
_TOGETHER = 6
_AROUND = 0.5
_PAUSES = (0.05, 0.4)
_HOP = SAMPLE_RATE // 50
_BELOW = 1e-3


class Spoken(NamedTuple):
    """A word of an utterance, [start, end) in seconds."""

    text: str
    start: float
    end: float


def main(argv: Sequence[str]) -> int:
    """Run the benchmark."""
    parser = parser_of("words", __doc__, short="five utterances", engine=True)
    options = parser.parse_args(argv)
    report = asyncio.run(_run(options.engine, 5 if options.short else 60))
    print(json.dumps(report, indent=2))
    if options.json:
        record.write(options.json, report)
    return 0


async def _run(name: str, utterances: int) -> dict[str, Any]:
    engine = engines.build(name, EngineSettings(concurrency=1))
    await engine.start()
    dice = random.Random(1)
    starts: list[float] = []
    ends: list[float] = []
    spoken = 0
    for _ in range(utterances):
        audio, said = _utterance(dice)
        spoken += len(said)
        for word, heard in await _heard(engine, audio, said):
            starts.append(abs(heard.start - word.start))
            ends.append(abs(heard.end - word.end))
    await engine.close()
    return {
        "words": spoken,
        "heard": len(starts),
        "start_ms": _spread(starts),
        "end_ms": _spread(ends),
    }


def _utterance(dice: random.Random) -> tuple[FloatArray, list[Spoken]]:
    """Return an utterance, float32 [n] at 16 kHz, and its words."""
    parts = [np.zeros(round(_AROUND * SAMPLE_RATE), np.float32)]
    said: list[Spoken] = []
    at = len(parts[0])
    for text in dice.sample(_ALPHABET, _TOGETHER):
        word = _trimmed(channels(_FOLDER / f"{text[0]}_p.wav")[0])
        pause = np.zeros(round(dice.uniform(*_PAUSES) * SAMPLE_RATE), np.float32)
        said.append(Spoken(text, at / SAMPLE_RATE, (at + len(word)) / SAMPLE_RATE))
        parts += [word, pause]
        at += len(word) + len(pause)
    return np.concatenate([*parts, parts[0]]), said


def _trimmed(audio: FloatArray) -> FloatArray:
    frames = audio[: len(audio) // _HOP * _HOP].reshape(-1, _HOP)
    power = np.square(frames).mean(axis=1)
    (loud,) = (power > _BELOW * power.max()).nonzero()
    return audio[loud[0] * _HOP : (loud[-1] + 1) * _HOP]


async def _heard(
    engine: Engine, audio: FloatArray, said: Sequence[Spoken]
) -> list[tuple[Spoken, Spoken]]:
    """Return the words that were heard as they were said, with where they were heard."""
    found = await engine.decode(speech.request(audio, words=True, language="en"))
    words = [_as_published(word) for word in placed(found.words or (), 0, len(audio))]
    matcher = SequenceMatcher(
        None, [word.text for word in said], [word.text for word in words], autojunk=False
    )
    return [
        (said[block.a + at], words[block.b + at])
        for block in matcher.get_matching_blocks()
        for at in range(block.size)
    ]


def _as_published(word: TimedWord) -> Spoken:
    text = normalise(word.text).replace(" ", "")
    return Spoken(text, word.start / SAMPLE_RATE, word.end / SAMPLE_RATE)


def _spread(seconds: list[float]) -> dict[str, int]:
    return {name: round(1000 * quantile(seconds, at)) for name, at in (("p50", 0.5), ("p95", 0.95))}
