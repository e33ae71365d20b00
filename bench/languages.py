"""Languages: words wrong and languages found, told, alone, among some, and in a call.

    python -m bench languages [--prompts N] [--short] [--json FILE]

Each prompt is one final. In a call the recogniser knows the language of the final before it, as in
the pipeline; a call has ten prompts. In the last one two speakers take turns in two languages.
"""

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import Any

import numpy as np

from asr_worker import engines
from asr_worker.api import DecodeRequest, Engine, EngineSettings, Hypothesis, Priority, Spoken
from bench import record
from bench.options import parser_of
from bench.prompts import VOICES, Prompt, german, prompts
from bench.speech import one_notation
from callscribe.loadtest.scoring import word_errors
from common.audio import SAMPLE_RATE

_CALL = 10
_BEFORE, _BEHIND = SAMPLE_RATE // 5, SAMPLE_RATE * 2 // 5
_TURNS = 3


@dataclass
class Tally:
    """What was said and heard, and the processor's time for it."""

    said: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    found: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    sure: list[tuple[float, bool]] = field(default_factory=list)
    """How sure the language was, and whether it was the right one."""

    def figures(self) -> dict[str, Any]:
        """Return them as they are published."""
        wrong, words = word_errors(self.said, self.heard)
        return {
            "words": words,
            "wrong_percent": round(100 * wrong / max(1, words), 1),
            "found": self.found,
            "prompts": len(self.said),
            "cpu_s_per_s": round(self.cpu / max(1.0, self.seconds), 3),
        }


class Listener:
    """Hears prompts in one way and counts what is right."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def hear(self, prompt: Prompt, spoken: str, tally: Tally, **given: Any) -> Hypothesis:
        """Hear a prompt, and add it to the tally."""
        audio = np.pad(prompt.audio, (_BEFORE, _BEHIND))
        began = time.process_time()
        heard = await self._engine.decode(
            DecodeRequest(utterance="u", audio=audio, priority=Priority.FINAL, final=True, **given)
        )
        tally.cpu += time.process_time() - began
        tally.seconds += len(audio) / SAMPLE_RATE
        tally.said.append(one_notation(prompt.text))
        tally.heard.append(one_notation(heard.text))
        right = heard.language == spoken
        tally.found += right
        if heard.language_confidence is not None:
            tally.sure.append((heard.language_confidence, right))
        return heard

    async def call(self, spoken: Sequence[tuple[str, Prompt]], tally: Tally, **given: Any) -> None:
        """Hear prompts as one call."""
        likely: Spoken | None = None
        for language, prompt in spoken:
            heard = await self.hear(prompt, language, tally, likely=likely, **given)
            likely = _spoken(heard)


def main(argv: Sequence[str]) -> int:
    """Run the benchmark."""
    parser = parser_of("languages", __doc__, short="six prompts")
    parser.add_argument("--prompts", type=int, default=20, metavar="N", help="of each language")
    options = parser.parse_args(argv)
    report = asyncio.run(_run(6 if options.short else options.prompts))
    print(json.dumps(report, indent=2))
    if options.json:
        record.write(options.json, report)
    return 0


async def _run(most: int) -> dict[str, Any]:
    engine = engines.build("whisper", EngineSettings(concurrency=1))
    await engine.start()
    listener = Listener(engine)
    spoken = {language: prompts(language, most) for language in VOICES} | {"German": german(most)}
    spoken = {language: found for language, found in spoken.items() if found}
    among = {"languages": tuple(spoken)}
    report: dict[str, Any] = {}
    sure: list[tuple[float, bool]] = []
    for language, found in spoken.items():
        told, alone, one_of = Tally(), Tally(), Tally()
        in_a_call, one_of_in_a_call = Tally(), Tally()
        for prompt in found:
            await listener.hear(prompt, language, told, language=language)
            await listener.hear(prompt, language, alone)
            await listener.hear(prompt, language, one_of, **among)
        for first in range(0, len(found), _CALL):
            call = [(language, each) for each in found[first : first + _CALL]]
            await listener.call(call, in_a_call)
            await listener.call(call, one_of_in_a_call, **among)
        report[language] = {
            "told": told.figures(),
            "alone": alone.figures(),
            "alone_among_these": one_of.figures(),
            "in_a_call": in_a_call.figures(),
            "in_a_call_among_these": one_of_in_a_call.figures(),
        }
        sure += alone.sure
    changing, changing_among = Tally(), Tally()
    for call in _changing(spoken):
        await listener.call(call, changing)
        await listener.call(call, changing_among, **among)
    report["changing"] = {"any": changing.figures(), "among_these": changing_among.figures()}
    report["confidence"] = _calibration(sure)
    await engine.close()
    return report


def _changing(
    spoken: dict[str, list[Prompt]],
) -> Iterator[list[tuple[str, Prompt]]]:
    """Yield calls in which two speakers take turns, three prompts each, in two languages."""
    for first, second in pairwise([*spoken, *spoken][: len(spoken) + 1]):
        turns = [
            [(language, each) for each in spoken[language][at : at + _TURNS]]
            for at in (0, _TURNS)
            for language in (first, second)
        ]
        yield list(chain.from_iterable(turns))


def _calibration(sure: Sequence[tuple[float, bool]]) -> dict[str, Any]:
    """Return how far confidence is from how often it is right, in tenths of it."""
    error = 0.0
    for tenth in range(10):
        each = [(c, right) for c, right in sure if min(9, int(10 * c)) == tenth]
        if each:
            error += abs(sum(c for c, _ in each) - sum(right for _, right in each))
    return {"finals": len(sure), "expected_error_points": round(100 * error / max(1, len(sure)), 1)}


def _spoken(heard: Hypothesis) -> Spoken | None:
    if heard.language is None:
        return None
    return Spoken(heard.language, heard.language_confidence)
