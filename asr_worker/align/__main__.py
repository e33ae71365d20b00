"""The aligner process."""

import sys
from collections.abc import Sequence

from prometheus_client import CollectorRegistry

from asr_worker.align.model import QwenAligner
from asr_worker.align.settings import AlignSettings
from asr_worker.align.stage import AlignStage
from asr_worker.json_options import json_object
from common.stage import worker
from common.telemetry.metrics import AlignMetrics


def build(settings: AlignSettings, registry: CollectorRegistry) -> AlignStage:
    """Return the stage with its aligner."""
    aligner = QwenAligner(
        settings.align_model,
        device=settings.align_device,
        batch=settings.align_slots,
        options=json_object(settings.align_vllm_options, "--align-vllm-options"),
    )
    return AlignStage(settings, aligner, AlignMetrics.build(registry))


def main(argv: Sequence[str] | None = None) -> int:
    """Run an aligner until it is stopped; return the process's exit code."""
    return worker.main(AlignSettings, build, lambda settings: settings.align_slots, argv)


if __name__ == "__main__":
    sys.exit(main())
