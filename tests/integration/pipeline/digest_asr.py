"""An ASR worker that hears exactly: ``python -m tests.integration.pipeline.digest_asr``.

Its text of an utterance is a checksum of the utterance's samples, so that two calls have the same
finals only if not a sample is missing, doubled or different. It costs next to nothing.
"""

import sys
from collections.abc import Sequence
from zlib import crc32

from prometheus_client import CollectorRegistry

from asr_worker import engines
from asr_worker.api import DecodeRequest, Hypothesis
from asr_worker.settings import AsrSettings
from asr_worker.stage import AsrStage
from bench.dummies import FixedTextEngine
from common.audio import float_to_pcm16
from common.stage import worker
from common.telemetry.metrics import AsrMetrics


class DigestEngine(FixedTextEngine):
    """Says how many samples it was given, and their checksum."""

    async def decode(self, request: DecodeRequest) -> Hypothesis:
        """See `Engine.decode`."""
        pcm = float_to_pcm16(request.audio)
        return Hypothesis(f"{len(request.audio)} {crc32(pcm):08x}", language="English")


def _stage(settings: AsrSettings, registry: CollectorRegistry) -> AsrStage:
    def build() -> DigestEngine:
        return DigestEngine(engines.settings_of(settings))

    return AsrStage(settings, build(), AsrMetrics.build(registry), build=build)


def main(argv: Sequence[str]) -> int:
    """Run the worker."""
    return worker.main(AsrSettings, _stage, engines.slots, argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
