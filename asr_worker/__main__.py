"""The ASR worker process."""

import sys
from collections.abc import Sequence
from functools import partial

from prometheus_client import CollectorRegistry

from asr_worker import engines
from asr_worker.settings import AsrSettings
from asr_worker.stage import AsrStage
from common.stage import worker
from common.telemetry.metrics import AsrMetrics


def build(settings: AsrSettings, registry: CollectorRegistry) -> AsrStage:
    """Return the stage with the engine that the settings name."""
    make = partial(engines.build, settings.asr_engine, engines.settings_of(settings))
    engine = make()
    metrics = AsrMetrics.build(registry)
    return AsrStage(settings, engine, metrics, build=None if engine.isolated else make)


def main(argv: Sequence[str] | None = None) -> int:
    """Run an ASR worker until it is stopped; return the process's exit code."""
    return worker.main(
        AsrSettings,
        build,
        engines.slots,
        argv,
    )


if __name__ == "__main__":
    sys.exit(main())
