"""The Speak view as its users handle it, and recordings for them."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import soundfile

from common.audio import SAMPLE_RATE, FloatArray
from tests.integration.pipeline.calls import clip, said

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

SENTENCES = ("quick_brown_fox", "counting", "hello_world")
SAID = (
    "The quick brown fox jumps over the lazy dog.",
    "One two three four five six seven eight nine ten.",
    "Hello world.",
)
"""What is said in `SENTENCES`."""


class Speak:
    """One tab with the Speak view."""

    def __init__(self, page: "Page", address: str) -> None:
        self.page = page
        self.address = address
        self.mistakes: list[str] = []
        """What the page has written to the console, which should be nothing."""
        page.on("console", lambda message: self.mistakes.append(message.text))
        page.on("pageerror", lambda error: self.mistakes.append(str(error)))

    def open(self, hash: str = "") -> "Speak":
        self.page.goto(f"{self.address}/{hash}")
        self.page.get_by_role("heading", name="Transcript").wait_for()
        return self

    def button(self, name: str) -> "Locator":
        return self.page.get_by_role("button", name=name, exact=True)

    def field(self, label: str) -> "Locator":
        return self.page.get_by_label(label)

    def choose(self, path: Path) -> None:
        self.page.locator("input[type=file]").set_input_files(path)

    def start(self) -> None:
        self.button("Start").click()

    def stop(self) -> None:
        self.button("Stop").click()
        self.wait_for_state("Finished")

    def wait_for_state(self, text: str | re.Pattern[str], timeout: float = 60) -> None:
        state = self.page.locator(".status [role=status]", has_text=text)
        state.wait_for(timeout=timeout * 1000)

    def wait_for_text(self, text: str, timeout: float = 60) -> None:
        found = self.page.locator(".turn", has_text=text).first
        found.wait_for(timeout=timeout * 1000)

    @property
    def finals(self) -> list[str]:
        found: list[str] = self.page.locator(".turn.final .said > p:first-child").all_inner_texts()
        return found

    def turns(self) -> list[tuple[str, str]]:
        """Return the speaker and the text of each finished turn."""
        labels = self.page.locator(".turn.final .who").all_inner_texts()
        return list(zip(labels, self.finals, strict=True))

    def transcript_of(self, path: Path, timeout: float = 90) -> list[tuple[str, str]]:
        """Send a file, as the options say, and return its turns."""
        self.choose(path)
        self.start()
        self.wait_for_state("Finished", timeout)
        return self.turns()


BROKEN = ("WebSocket connection", "net::ERR_CONNECTION")
"""What the console says of a server that is away."""


@contextmanager
def speak(
    browser: "Browser", address: str, *, allowed: Sequence[str] = (), **context: Any
) -> Iterator[Speak]:
    """Open the view in a tab of its own; its console may say only what is allowed."""
    tab = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **context})
    tab.set_default_timeout(20_000)
    view = Speak(tab.new_page(), address)
    try:
        yield view
    finally:
        tab.close()
    mistakes = [each for each in view.mistakes if not any(text in each for text in allowed)]
    assert not mistakes, mistakes


def write(path: Path, audio: FloatArray, rate: int = SAMPLE_RATE) -> Path:
    """Write a WAV file as microphones of Chromium read it."""
    soundfile.write(path, audio, rate, subtype="PCM_16")
    return path


def sentences() -> FloatArray:
    """Return three sentences with silence around them; browsers begin to record a little late."""
    return said(1.5, *[part for name in SENTENCES for part in (clip(name), 1.5)])
