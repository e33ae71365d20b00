"""What `numbers` and `redact` cost: time, processor, changes of partials, words.

    python -m bench screens [--engine NAME] [--short] [--json FILE]

Lines of speech with known words go through the real stages in this process (`bench.in_process`).
Then the texts that the recogniser gave pass a screen of each kind, timed, and the share of the
processor is that beside the decodes of the same run.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from asr_worker import engines
from asr_worker.actions import PublishPartial
from asr_worker.api import EngineSettings
from asr_worker.screening import screen_for
from bench import noisy, record, speech
from bench.accounting import quantile
from bench.in_process import Heard, Line
from bench.noisy import SpokenLine
from bench.options import parser_of
from callscribe.loadtest.scoring import score
from callscribe.loadtest.tally import Spoken
from common.options import Redacted, SessionOptions
from common.pipeline.partial import PartialText
from common.pipeline.text import Final
from vad_worker.model import SileroVad

_EVERY: tuple[Redacted, ...] = ("numbers", "pci", "phone", "ssn", "iban", "email", "dob")
_WAYS = {
    "engine": SessionOptions(language="English"),
    "digits": SessionOptions(language="English", numbers="digits"),
    "grouped": SessionOptions(language="English", numbers="grouped"),
    "redact": SessionOptions(language="English", redact=_EVERY),
    "grouped, redact": SessionOptions(language="English", numbers="grouped", redact=_EVERY),
}
_ENOUGH = 0.03
"""Share of the decodes' processor time that a screen may take."""


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; non-zero when a screen takes more of the processor than it may."""
    parser = parser_of("screens", __doc__, short="a little of everything", engine=True)
    options = parser.parse_args(argv)
    report = asyncio.run(_run(options))
    print(json.dumps(report, indent=2))
    if options.json:
        record.write(options.json, report)
    return int(any(each["processor_percent"] > 100 * _ENOUGH for each in report["ways"].values()))


async def _run(options: argparse.Namespace) -> dict[str, Any]:
    engine = engines.build(options.engine, EngineSettings(concurrency=1))
    await engine.start()
    through = Line(engine, SileroVad())
    began = time.process_time()
    heard = [(line, await through.hear(line.audio, _WAYS["engine"])) for line in _lines(options)]
    spent = time.process_time() - began
    await engine.close()
    utterances = [each for _, found in heard for each in found]
    return {
        "utterances": len(utterances),
        "partials": sum(len(each.partials) for each in utterances),
        "decoding_s": round(spent, 2),
        "ways": {name: _screened(way, heard, spent) for name, way in _WAYS.items()},
    }


def _lines(options: argparse.Namespace) -> Sequence[SpokenLine]:
    return noisy.lines(short=options.short)


def _screened(
    way: SessionOptions, heard: Sequence[tuple[SpokenLine, Sequence[Heard]]], spent: float
) -> dict[str, Any]:
    took: list[float] = []
    changed = shown = 0
    spoken: list[Spoken] = []
    for line, utterances in heard:
        texts: list[str] = []
        for utterance in utterances:
            screen, before = screen_for(way, None), ""
            for partial in utterance.partials:
                began = time.perf_counter()
                text = screen.partial(_partial(utterance, partial)).text
                took.append(time.perf_counter() - began)
                changed += len(before.split()) - _kept(before, text)
                shown += len(text.split())
                before = text
            began = time.perf_counter()
            texts.append(screen.final(_final(utterance)).text)
            took.append(time.perf_counter() - began)
        said = speech.one_notation(" ".join(texts))
        spoken.append(Spoken(tuple(map(speech.one_notation, line.passages)), said))
    found = score(spoken)
    return {
        "ms": {"p50": _ms(quantile(took, 0.5)), "p95": _ms(quantile(took, 0.95))},
        "processor_percent": round(100 * sum(took) / spent, 3),
        "partial_words_changed_percent": round(100 * changed / max(1, shown), 2),
        "wrong_percent": round(100 * found.errors / max(1, found.reference), 2),
    }


def _kept(before: str, text: str) -> int:
    """Return how many words of a partial the next one begins with."""
    pairs = zip(before.split(), text.split(), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _partial(utterance: Heard, said: PublishPartial) -> PartialText:
    return PartialText(utterance.start, said.end, said.text, said.stable, "English")


def _final(utterance: Heard) -> Final:
    return Final(
        start=utterance.start,
        end=utterance.end,
        at=utterance.at,
        reason="silence",
        text=utterance.text,
        language="English",
    )


def _ms(seconds: float | None) -> float:
    return round(1000 * (seconds or 0.0), 3)
