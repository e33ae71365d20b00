"""An ASR worker that hears a script: ``python -m tests.integration.pipeline.scripted_asr``.

The n-th utterance of a leg says the n-th line of `SCRIPT`. A partial has as many words as would
have been said by then, the final all of them.
"""

import sys
from collections.abc import Sequence

from prometheus_client import CollectorRegistry

from asr_worker import engines
from asr_worker.api import DecodeRequest, Hypothesis, Word
from asr_worker.settings import AsrSettings
from asr_worker.stage import AsrStage
from bench.dummies import FixedTextEngine
from common.audio import SAMPLE_RATE
from common.stage import worker
from common.telemetry.metrics import AsrMetrics

WORD_S = 0.1
"""Seconds that a word takes."""
SCRIPT = (
    "hello I would like to pay by card today please",
    "my card number is four five five six seven three seven five eight six eight nine nine eight"
    " five five and that is all",
    "sorry it was four five five six seven three",
    "seven five eight six eight nine nine eight five five",
    "The card is 4556 7375 8689, 9855. The security code is 9 4 7 I believe.",
    "I think my email is zebediah dot wintergreen at example dot com if you need it",
    "or write to zebediah.wintergreen@example.com instead",
    "and my social is oh seven eight oh five one one two oh as I said",
    "call me on five five five oh one nine nine four seven two tomorrow",
    "I paid twenty five dollars in march for two of them",
)


class ScriptedEngine(FixedTextEngine):
    """Says the script."""

    async def decode(self, request: DecodeRequest) -> Hypothesis:
        """See `Engine.decode`."""
        number = request.utterance.rpartition("/")[2]
        said = SCRIPT[int(number) - 1 if number.isdigit() else 0].split()
        seconds = len(request.audio) / SAMPLE_RATE
        if not request.final:
            said = said[: 1 + int(seconds / WORD_S)]
        step = seconds / len(said)
        words = tuple(Word(word, n * step, (n + 1) * step, 0.9) for n, word in enumerate(said))
        return Hypothesis(" ".join(said), "English", words if request.words else None)


def _stage(settings: AsrSettings, registry: CollectorRegistry) -> AsrStage:
    def build() -> ScriptedEngine:
        return ScriptedEngine(engines.settings_of(settings))

    return AsrStage(settings, build(), AsrMetrics.build(registry), build=build)


def main(argv: Sequence[str]) -> int:
    """Run the worker."""
    return worker.main(AsrSettings, _stage, engines.slots, argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
