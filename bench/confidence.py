"""How sure words are, and how often they are right.

    python -m bench confidence [--engine NAME] [--prompts N] [--short] [--json FILE]

Finals of voice prompts, read speech and the sample call, told that they are English. A word is
right if it is in the reference at its place. The expected calibration error is the mean distance
between confidence and the share of right words, over ten equal parts of the scale, weighted by
their words. What a calibration would be fitted to (`asr_worker.cpu.confidence`) is printed, too:
from the words of every second recording, and its error in the others.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, NamedTuple

import numpy as np

from asr_worker import engines
from asr_worker.api import Engine, EngineSettings
from asr_worker.cpu.confidence import Calibration
from bench import record, speech
from bench.options import parser_of
from bench.prompts import prompts
from common.audio import SAMPLE_RATE, FloatArray

_BEFORE, _BEHIND = SAMPLE_RATE // 5, SAMPLE_RATE * 2 // 5
_STEPS, _RATE = 4000, 0.5


class Sure(NamedTuple):
    """A word of the recording `number`: how sure it is, and whether it is right."""

    number: int
    probability: float
    right: bool


def main(argv: Sequence[str]) -> int:
    """Run the benchmark."""
    parser = parser_of("confidence", __doc__, short="ten prompts", engine=True)
    parser.add_argument("--prompts", type=int, default=150, metavar="N")
    options = parser.parse_args(argv)
    report = asyncio.run(_run(options.engine, 10 if options.short else options.prompts))
    print(json.dumps(report, indent=2))
    if options.json:
        record.write(options.json, report)
    return 0


def calibration_error(words: Sequence[tuple[float, bool]], parts: int = 10) -> float:
    """Return the expected calibration error of (probability, right), in points."""
    found: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for probability, right in words:
        found[min(parts - 1, int(parts * probability))].append((probability, right))
    distance = sum(
        abs(sum(probability for probability, _ in each) - sum(right for _, right in each))
        for each in found.values()
    )
    return 100 * distance / max(1, len(words))


def fitted(words: Sequence[tuple[float, bool]]) -> Calibration:
    """Return the calibration that makes what is right most likely, by gradient descent."""
    bounded = np.clip([probability for probability, _ in words], 0.0001, 0.999)
    odds, right = np.log(bounded / (1 - bounded)), np.array([each for _, each in words], float)
    shift, slope = 0.0, 1.0
    for _ in range(_STEPS):
        missed = 1 / (1 + np.exp(-shift - slope * odds)) - right
        shift -= _RATE * float(missed.mean())
        slope -= _RATE * float((missed * odds).mean())
    return Calibration(shift, slope)


async def _run(name: str, most: int) -> dict[str, Any]:
    engine = engines.build(name, EngineSettings(concurrency=1))
    await engine.start()
    words: list[Sure] = []
    for number, (utterances, text) in enumerate(_speech(most)):
        words += await _heard(engine, number, utterances, text)
    await engine.close()
    odd = [each[1:] for each in words if each.number % 2]
    even = [each[1:] for each in words if not each.number % 2]
    fit = fitted(odd)
    held_out = [(fit.sure(probability), right) for probability, right in even]
    return {
        "words": len(words),
        "right_percent": round(100 * sum(each.right for each in words) / len(words), 1),
        "expected_calibration_error_points": round(calibration_error([e[1:] for e in words]), 1),
        "fitted_to_half": {"shift": round(fit.shift, 2), "slope": round(fit.slope, 2)},
        "its_error_in_the_other_half_points": round(calibration_error(held_out), 1),
    }


def _speech(most: int) -> Iterator[tuple[list[FloatArray], str]]:
    """Yield recordings as their utterances, and what is said in each."""
    for prompt in prompts("English", most, seed=7):
        yield [np.pad(prompt.audio, (_BEFORE, _BEHIND))], prompt.text
    recorded = speech.found(speech.CORPUS) if speech.CORPUS.is_dir() else iter(())
    for _, audio, text in (*recorded, *speech.call()):
        if text:
            yield speech.utterances(audio), text


async def _heard(
    engine: Engine, number: int, utterances: Sequence[FloatArray], text: str
) -> list[Sure]:
    heard: list[tuple[str, float]] = []
    for audio in utterances:
        request = speech.request(audio, words=True, language="en")
        for word in (await engine.decode(request)).words or ():
            heard += [(each, word.probability) for each in speech.one_notation(word.text).split()]
    said = speech.one_notation(text).split()
    same = SequenceMatcher(None, said, [word for word, _ in heard], autojunk=False)
    right = {block.b + at for block in same.get_matching_blocks() for at in range(block.size)}
    return [Sure(number, sure, at in right) for at, (_, sure) in enumerate(heard)]
