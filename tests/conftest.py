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

_LONGEST = (
    *("integration/test_redis_users.py", "chaos/test_run.py", "web/test_listen.py"),
    *("integration/deploy/test_rolling.py", "integration/callscribe/test_prove.py"),
    *("integration/gateway/test_calls.py", "web/test_speak.py", "web/test_speak_trouble.py"),
    *("integration/bench/test_context.py", "integration/pipeline/test_trace.py"),
)
"""The files whose tests take a minute or more together. They come first: where several processes
share the files, one of these at the end would run alone."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest files begin; the order within a file stays."""
    places = {ROOT / "tests" / name: place for place, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture(scope="session")
def shared_speech() -> Path:
    """Directory of real speech with references; absent from a public clone."""
    path = ROOT.parent / "shared" / "data" / "speech"
    if not path.is_dir():
        pytest.skip("the project's speech corpus is not beside this checkout")
    return path
