"""Fixtures shared by every suite."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

# Time is no property of an example: what is slow on a busy machine is not wrong.
settings.register_profile("callscribe", deadline=None)
if "CI" not in os.environ:  # there Hypothesis's own profile holds: the same examples each time
    settings.load_profile("callscribe")

# What a shell runs in the background ignores SIGINT, and so would the processes that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_speech() -> Path:
    """Directory of real speech with references; absent from a public clone."""
    path = ROOT.parent / "shared" / "data" / "speech"
    if not path.is_dir():
        pytest.skip("the project's speech corpus is not beside this checkout")
    return path
