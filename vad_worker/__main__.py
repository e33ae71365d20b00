"""The VAD worker process."""

import sys
from collections.abc import Sequence
from functools import partial

from common.stage import worker
from common.telemetry.metrics import VadMetrics
from vad_worker import engines
from vad_worker.settings import VadSettings
from vad_worker.stage import VadStage


def main(argv: Sequence[str] | None = None) -> int:
    """Run a VAD worker until it is stopped; return the process's exit code."""
    return worker.main(
        VadSettings,
        lambda settings, registry: VadStage(
            settings, partial(engines.build, settings), VadMetrics.build(registry)
        ),
        lambda settings: settings.vad_slots,
        argv,
    )


if __name__ == "__main__":
    sys.exit(main())
