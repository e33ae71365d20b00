"""Fixtures shared by every suite, and what a run tells."""

import gc
import logging
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from common.telemetry.logs import ConsoleFormatter, JsonFormatter

# What a shell runs in the background ignores SIGINT, and so would the processes that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent

SMALLER_MODEL = {"CALLSCRIBE_ASR_MULTILINGUAL": "false"}
"""Few tests speak other languages, and each worker would load 145 MB for them: 4 s of a core. Who
starts services with another environment than this process's adds it."""

_LONGEST = (
    *("integration/pipeline/test_sample_call.py", "integration/gateway/test_files.py"),
    *("integration/asr_worker/test_moonshine.py", "integration/asr_worker/test_poison.py"),
    *("integration/gateway/test_start.py", "integration/callscribe/local/test_restart.py"),
    *("chaos/test_run.py", "integration/callscribe/test_keys.py"),
    *("integration/pipeline/test_deleted_keys.py", "integration/pipeline/test_redis_trouble.py"),
    *("integration/gateway/test_webhooks.py", "integration/gateway/test_hostile_names.py"),
    *("integration/gateway/test_other_protocols.py", "integration/gateway/test_telephony.py"),
    *("web/test_listen.py", "web/test_speak.py", "web/test_speak_trouble.py"),
)
"""The files whose tests take longest. They come first, and unit tests last: where several processes
share the files, a long one at the end would run alone."""

_NIGHTLY = (
    *("attack", "integration/bench", "integration/callscribe/test_prove.py"),
    *("integration/deploy/test_rolling.py", "web/client/test_soak.py"),
)
"""Folders and files that are nightly: they test what only measures, or take long."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `make test-all` ask for the tests that take long."""
    parser.addoption("--nightly", action="store_true", help="run the tests marked nightly, too")


def pytest_configure() -> None:
    """Choose the examples of property tests, and the smaller model."""
    # Ten thousand tests are collected, and nothing of them is garbage: to look for it takes a third
    # of that time, in every process.
    gc.disable()
    for name, value in SMALLER_MODEL.items():
        os.environ.setdefault(name, value)
    # Time is no property of an example: what is slow on a busy machine is not wrong.
    settings.register_profile("callscribe", deadline=None)
    if "CI" not in os.environ:  # there Hypothesis's own profile holds: the same examples each time
        settings.load_profile("callscribe")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is nightly; let the longest files begin. Order within a file stays."""
    late = tuple(ROOT / "tests" / name for name in _NIGHTLY)
    files = {item.path for item in items}
    late_files = {file for file in files if any(file.is_relative_to(path) for path in late)}
    for item in items:
        if item.path in late_files:
            item.add_marker(pytest.mark.nightly)
    if not config.getoption("--nightly"):
        nightly = {item for item in items if item.get_closest_marker("nightly")}
        items[:] = [item for item in items if item not in nightly]
        config.hook.pytest_deselected(items=[*nightly])
    places = {ROOT / "tests" / name: place for place, name in enumerate(_LONGEST)}
    units = {file for file in files if file.is_relative_to(ROOT / "tests" / "unit")}
    items.sort(key=lambda item: (places.get(item.path, len(places)), item.path in units))


def pytest_collection_finish() -> None:
    """Look for garbage again, though never among what was collected."""
    gc.enable()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was skipped and why, each reason once."""
    reasons = Counter(
        str(report.longrepr[2]).removeprefix("Skipped: ")
        for report in terminalreporter.getreports("skipped")
        if isinstance(report.longrepr, tuple)
    )
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"skipped {count}: {reason}")


@pytest.fixture(autouse=True)
def no_log_beyond_a_test() -> Iterator[None]:
    """Take away the log that a test configured: its stream is closed by then."""
    yield
    root = logging.getLogger()
    ours = (ConsoleFormatter, JsonFormatter)
    root.handlers[:] = [each for each in root.handlers if not isinstance(each.formatter, ours)]


@pytest.fixture(scope="session")
def shared_speech() -> Path:
    """Directory of real speech with references; absent from a public clone."""
    path = ROOT.parent / "shared" / "data" / "speech"
    if not path.is_dir():
        pytest.skip("the project's speech corpus is not beside this checkout")
    return path
