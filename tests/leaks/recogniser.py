"""Workers that hear the lines of a script: ``python -m tests.leaks.recogniser asr|align``.

The tones of an utterance tell which line it is (`tests.leaks.tones`). LEAKS_LINES names a file with
the lines, LEAKS_HEARD one that gets everything that was heard: nobody else may see it. A line that
begins with the name of a trouble is heard with that.
"""

import asyncio
import json
import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry

from asr_worker import engines
from asr_worker.align.settings import AlignSettings
from asr_worker.align.stage import AlignStage
from asr_worker.align.units import Unit
from asr_worker.api import DecodeFailed, DecodeRequest, EngineSettings, Hypothesis, Word
from asr_worker.settings import AsrSettings
from asr_worker.stage import AsrStage
from bench.dummies import FixedTextEngine
from common.audio import SAMPLE_RATE, FloatArray
from common.stage import worker
from common.telemetry.metrics import AlignMetrics, AsrMetrics
from tests.leaks.tones import WORD_S, line_of

FAILS, BREAKS = "(fails)", "(breaks)"
"""The engine fails and says what it heard; or its words do, once somebody looks at them."""


class _Unreadable(tuple[Word, ...]):
    """Words that nobody can read."""

    def __iter__(self) -> Iterator[Word]:
        raise ValueError(f"no time for {self[0].text}")


class ListeningEngine(FixedTextEngine):
    """Knows the script."""

    def __init__(self, settings: EngineSettings) -> None:
        super().__init__(settings)
        self._lines: list[str] = json.loads(Path(os.environ["LEAKS_LINES"]).read_text())
        self._heard = Path(os.environ["LEAKS_HEARD"])

    async def decode(self, request: DecodeRequest) -> Hypothesis:
        """See `Engine.decode`: every second utterance gets no word times."""
        line = line_of(request.audio)
        if line is None or line >= len(self._lines):
            return Hypothesis("")
        trouble, _, text = self._lines[line].rpartition(") ")
        said = text.split()
        if not request.final:
            said = said[: 1 + int(len(request.audio) / SAMPLE_RATE / WORD_S)]
        with self._heard.open("a") as heard:
            heard.write(json.dumps([request.utterance, request.final, " ".join(said)]) + "\n")
        if f"{trouble})" == FAILS:
            raise DecodeFailed(f"no end after: {text}")
        if f"{trouble})" == BREAKS and request.final:
            return Hypothesis(text, "English", _Unreadable([Word(text, 0.0, 0.0, 0.0)]))
        step = len(request.audio) / SAMPLE_RATE / max(1, len(said))
        words = tuple(Word(word, n * step, (n + 1) * step, 0.9) for n, word in enumerate(said))
        timed = request.words and line % 2 == 0
        return Hypothesis(" ".join(said), "English", words if timed else None)


def _asr(settings: AsrSettings, registry: CollectorRegistry) -> AsrStage:
    make = partial(ListeningEngine, engines.settings_of(settings))
    return AsrStage(settings, make(), AsrMetrics.build(registry), build=make)


class EvenAligner:
    """Gives every word as much time."""

    async def start(self) -> None:
        """Nothing to load."""

    async def align(self, name: str, audio: FloatArray, units: Sequence[Unit]) -> tuple[Word, ...]:
        """See `Aligner.align`."""
        said = [unit.written for unit in units]
        step = len(audio) / SAMPLE_RATE / max(1, len(said))
        return tuple(Word(word, n * step, (n + 1) * step, 0.9) for n, word in enumerate(said))

    async def watch(self) -> None:
        """Nothing can die."""
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Nothing to release."""


def _align(settings: AlignSettings, registry: CollectorRegistry) -> AlignStage:
    return AlignStage(settings, EvenAligner(), AlignMetrics.build(registry))


def main(argv: Sequence[str]) -> int:
    """Run the worker named first with the settings that follow."""
    service, *flags = argv
    if service == "align":
        return worker.main(AlignSettings, _align, lambda settings: settings.align_slots, flags)
    return worker.main(AsrSettings, _asr, engines.slots, flags)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
