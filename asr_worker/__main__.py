"""The ASR worker process."""

import sys
from collections.abc import Sequence

from asr_worker.settings import AsrSettings
from asr_worker.stage import AsrStage
from common.stage import worker
from common.telemetry.metrics import AsrMetrics


def main(argv: Sequence[str] | None = None) -> int:
    """Run an ASR worker until it is stopped; return the process's exit code."""
    return worker.main(
        AsrSettings,
        lambda settings, registry: AsrStage(settings, AsrMetrics.build(registry)),
        lambda settings: settings.asr_slots,
        argv,
    )


if __name__ == "__main__":
    sys.exit(main())
