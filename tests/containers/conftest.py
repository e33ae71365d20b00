"""docker-compose.yml on a real Docker Engine, as docs/compose.md says it is used.

Images are built with the product's own Dockerfile. `make test-containers` runs all of it,
``ARGS=--short`` the default profile alone, which is what a change must pass. No registry is
reached, so images of others are replaced by stand-ins (`images`); Grafana has none.
"""

import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.containers import engine as engines
from tests.containers import roots
from tests.containers.calls import Callers
from tests.containers.engine import Engine
from tests.containers.images import make_stand_ins
from tests.containers.results import Results
from tests.containers.site import Site

_results = pytest.StashKey[Results]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--short`, which runs the tests that are marked so."""
    parser.addoption("--short", action="store_true", help="the default profile, in minutes")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker of the short form; leave nothing behind when asked to end."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    config.addinivalue_line("markers", "short: a part of the short form")
    config.stash[_results] = Results()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the short form does without."""
    if config.getoption("--short"):
        left_out = [item for item in items if item.get_closest_marker("short") is None]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print a line for each profile, and one for each image."""
    for line in config.stash[_results].lines():
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def results(request: pytest.FixtureRequest) -> Results:
    """Return where figures are noted for the tables at the end."""
    return request.config.stash[_results]


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """A Docker Engine with the stand-ins; skips where there can be none."""
    if reason := engines.why_not():
        pytest.skip(reason)
    with ThreadPoolExecutor() as threads:
        made = [threads.submit(each) for each in (roots.python_root, roots.servers_root)]
        for each in made:
            each.result()
    with engines.running_engine() as running:
        make_stand_ins(running)
        yield running


@pytest.fixture(scope="session")
def callers() -> Callers:
    """Return the callers, who hear what they say undisturbed at the first site."""
    return Callers()


@contextmanager
def running_site(engine: Engine, folder: Path, files: Sequence[Path] = ()) -> Iterator[Site]:
    """Make a clone; see that nothing of it is left on leaving."""
    site = Site(engine, folder, files)
    try:
        yield site
    finally:
        site.close()
