"""The local stack over stand-in services."""

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from callscribe.local.stack import StackOptions
from tests.integration.callscribe.processes import stand_in_services

COUNTS = {"gateway": 1, "vad": 1, "denoise": 0, "asr": 2}


@pytest.fixture
def stack_options(tmp_path: Path) -> Callable[..., StackOptions]:
    """Build options of a stack of four services; a manner is how one of them misbehaves."""

    def build(**manners: str) -> StackOptions:
        env = {
            **os.environ,
            **stand_in_services(tmp_path),
            **{f"STAND_IN_{service.upper()}": manner for service, manner in manners.items()},
            "CALLSCRIBE_PORT": "0",
            "TMPDIR": str(tmp_path),  # a killed supervisor leaves Redis's directory there
        }
        return StackOptions(
            counts=COUNTS, env=env, embedded_redis=True, ready_deadline=30, echo=io.StringIO()
        )

    return build
