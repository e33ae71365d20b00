"""The process of the further stage."""

import sys
from collections.abc import Sequence

from prometheus_client import CollectorRegistry

from common.stage import worker
from tests.further_stage.settings import CountSettings
from tests.further_stage.stage import CountStage


def build(settings: CountSettings, registry: CollectorRegistry) -> CountStage:
    """Return the stage."""
    return CountStage()


def main(argv: Sequence[str] | None = None) -> int:
    """Run a worker until it is stopped; return the process's exit code."""
    return worker.main(CountSettings, build, lambda settings: settings.count_slots, argv)


if __name__ == "__main__":
    sys.exit(main())
