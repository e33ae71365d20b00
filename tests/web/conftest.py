"""A real browser and a real server; both are skipped where a tool is missing."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.integration.conftest import RunningStack, forked_stack
from tests.real_redis import real_redis

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

Launch = Callable[..., "Browser"]
"""Starts Chromium, with flags; its microphone hears the WAV file `microphone` once."""

_FLAGS = ["--no-sandbox", "--disable-background-networking"]
_FAKE = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]


def _chromium() -> str:
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or ""
    if not Path(found).is_file():
        pytest.skip("no Chromium: install it, or name it in CHROMIUM")
    return found


@pytest.fixture(scope="module")  # not longer: its event loop counts as running all the while
def playwright() -> "Iterator[Playwright]":
    """What drives browsers."""
    api = pytest.importorskip("playwright.sync_api", reason="pip install -e .[dev-web]")
    with api.sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def launch(playwright: "Playwright") -> Iterator[Launch]:
    """Starts browsers, which end with the tests."""
    path = _chromium()
    browsers: list[Browser] = []

    def start(microphone: Path | None = None, *more: str, fake: bool = True) -> "Browser":
        flags = [*_FLAGS, *more, *(_FAKE if fake else [])]
        if microphone is not None:
            flags.append(f"--use-file-for-fake-audio-capture={microphone}%noloop")
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        browsers.append(browser)
        return browser

    yield start
    for browser in browsers:
        browser.close()


@pytest.fixture(scope="module")
def chromium(launch: Launch) -> "Browser":
    """A browser that tests share; its microphone beeps."""
    return launch()


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, which finds what keeps people from using a page."""
    path = ROOT / "clients" / "node_modules" / "axe-core" / "axe.min.js"
    if not path.is_file():
        pytest.skip("no axe-core: npm --prefix clients ci")
    return path.read_text()


@pytest.fixture(scope="session")
def stack() -> Iterator[RunningStack]:
    """The default stack, shared by tests that leave it as they found it."""
    with real_redis() as own, forked_stack(own.url) as running:
        yield running
