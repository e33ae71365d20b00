"""The denoise worker process."""

import sys
from collections.abc import Sequence

from common.stage import worker
from denoise_worker.settings import DenoiseSettings
from denoise_worker.stage import DenoiseStage


def main(argv: Sequence[str] | None = None) -> int:
    """Run a denoise worker until it is stopped; return the process's exit code."""
    return worker.main(
        DenoiseSettings,
        lambda settings, registry: DenoiseStage(settings),
        lambda settings: settings.denoise_slots,
        argv,
    )


if __name__ == "__main__":
    sys.exit(main())
