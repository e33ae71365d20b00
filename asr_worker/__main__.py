"""The ASR worker process."""

import sys
from collections.abc import Sequence
from functools import partial

from prometheus_client import CollectorRegistry

from asr_worker import engines
from asr_worker.redactor import Redactor
from asr_worker.settings import AsrSettings
from asr_worker.stage import AsrStage
from asr_worker.voices.encoder import VoiceEncoder
from common.stage import worker
from common.telemetry.logs import Log
from common.telemetry.metrics import AsrMetrics

_SHORT = 128
"""Tokens that 30 s of fast speech takes. Other servers count those of one chunk, and so have 32."""

_log = Log(__name__)


def build(settings: AsrSettings, registry: CollectorRegistry) -> AsrStage:
    """Return the stage with the engine that the settings name."""
    make = partial(engines.build, settings.asr_engine, engines.settings_of(settings))
    engine = make()
    if settings.max_new_tokens is not None and settings.max_new_tokens < _SHORT:
        _log.warning("asr.max_new_tokens", tokens=settings.max_new_tokens, reason="finals are cut")
    metrics = AsrMetrics.build(registry)
    isolated = None if engine.isolated else make
    return AsrStage(
        settings,
        engine,
        metrics,
        build=isolated,
        encoder=VoiceEncoder.installed(),
        redactor=None if settings.asr_redactor is None else Redactor.load(settings.asr_redactor),
    )


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
