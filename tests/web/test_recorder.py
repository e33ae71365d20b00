"""A page that sends what a browser's recorder gives to `/v1/listen`, as Deepgram's examples do."""

from typing import TYPE_CHECKING, Any

import pytest

from tests.documents import block
from tests.integration.conftest import RunningStack
from tests.web.conftest import Launch
from tests.web.speaking import SAID, sentences, write

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

BEFORE = """
const key = "any";
const microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
"""
AFTER = """
window.heard = [];
socket.onmessage = ({ data }) => window.heard.push(JSON.parse(data));
socket.onclose = ({ code }) => (window.code = code);
window.finish = () => {
  recorder.onstop = () => socket.send(JSON.stringify({ type: "CloseStream" }));
  recorder.stop();
};
"""
TEXTS = """
() => heard
  .filter((message) => message.type === "Results" && message.is_final)
  .map((message) => message.channel.alternatives[0].transcript)
  .filter((text) => text)
"""


def printed() -> str:
    """Return the lines of the document that record and send."""
    return block("docs/protocols/deepgram.md", "const recorder")


def record(page: "Page", stack: RunningStack, timeslice: str) -> None:
    lines = printed().replace("localhost:8000", f"127.0.0.1:{stack.port}")
    assert "recorder.start(100)" in lines
    lines = lines.replace("recorder.start(100)", f"recorder.start({timeslice})")
    page.goto(f"http://127.0.0.1:{stack.port}/")
    page.evaluate(f"async () => {{ {BEFORE} {lines} {AFTER} }}")


@pytest.mark.model_text
@pytest.mark.parametrize("timeslice", ["100", "250"])
def test_the_printed_lines_bring_words(
    launch: Launch, stack: RunningStack, tmp_path: "Path", timeslice: str
) -> None:
    browser = launch(write(tmp_path / "microphone.wav", sentences()))
    page = browser.new_context(bypass_csp=True).new_page()
    record(page, stack, timeslice)
    page.wait_for_function(f"({TEXTS})().length >= {len(SAID)}", timeout=90_000)
    page.evaluate("finish()")
    page.wait_for_function("window.code", timeout=60_000)
    texts: list[str] = page.evaluate(TEXTS)
    assert len(texts) == len(SAID)
    assert (texts[0], texts[-1]) == (SAID[0], SAID[-1])  # between them are numbers, in any spelling
    assert page.evaluate("code") == 1000
    metadata: dict[str, Any] = page.evaluate("heard.at(-1)")
    assert metadata["type"] == "Metadata"
    assert metadata["duration"] > sum(map(len, SAID)) / 25
