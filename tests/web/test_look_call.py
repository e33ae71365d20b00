"""What the Look view tells of the call that this tab's Speak view has made."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from tests.integration.conftest import RunningStack
from tests.integration.pipeline.calls import sample_call
from tests.web.listening import faults, overflow, tab
from tests.web.speaking import speak, write

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = pytest.mark.timeout(300)

NAMED = {
    "source": "file",
    "channels": "2",
    "paced": "0",
    "context": "Zanzibar marmalade",
    "keywords": "Northwind",
    "conversation_id": "Pemberton-17",
}
SECRETS = ("northwind", "energy", "sarah", "daniel", "zanzibar", "marmalade", "pemberton")
"""What was said, written and named in the call."""


@pytest.fixture(scope="module")
def spoken(
    stack: RunningStack, chromium: "Browser", tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple["Page", list[str]]]:
    """A tab whose call has ended, shown in Look, and what was said in it."""
    path = write(tmp_path_factory.mktemp("call") / "call.wav", sample_call(16.0), 8_000)
    granted = ["clipboard-read", "clipboard-write"]
    with speak(chromium, f"http://127.0.0.1:{stack.port}", permissions=granted) as view:
        view.open(f"#speak?{urlencode(NAMED)}")
        texts = [text for _, text in view.transcript_of(path)]
        assert len(texts) >= 3
        view.page.get_by_role("link", name="Look").click()
        yield view.page, texts


def panel_of(page: "Page", name: str) -> "Locator":
    page.get_by_role("tab", name=name).click()
    return page.get_by_role("tabpanel", name=name)


def test_its_messages_are_shown_without_tokens(spoken: tuple["Page", list[str]], axe: str):
    page, texts = spoken
    panel = panel_of(page, "Messages")
    messages = panel.get_by_role("region", name="Messages")
    shown = messages.inner_text()
    assert all(text in shown for text in texts)
    assert '"resume_token"' in shown
    assert "…" in shown.partition('"resume_token"')[2][:12]
    assert "audio, " in shown
    panel.get_by_label("Show").select_option("final")
    finals = messages.locator("li").all_inner_texts()
    assert len(finals) >= len(texts)
    assert all('"type"' in each and "final" in each for each in finals)
    panel.get_by_role("button", name="Copy all shown").click()
    panel.get_by_text("Copied").wait_for()
    assert page.evaluate("() => navigator.clipboard.readText()").count("\n") == len(finals)
    assert faults(page, axe) == []


def test_its_trace_is_drawn(spoken: tuple["Page", list[str]], axe: str):
    page, texts = spoken
    panel = panel_of(page, "Trace")
    panel.get_by_role("button", name="Show").click()
    panel.get_by_text("Most of the time:").wait_for()
    rows = panel.locator("tbody tr")
    assert rows.count() >= len(texts)
    assert any("recognising" in row for row in rows.all_inner_texts())
    widths = [float(each.get_attribute("width") or 0) for each in panel.locator("rect").all()]
    assert max(widths) > 0
    assert faults(page, axe) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert overflow(page) == 0
    page.set_viewport_size({"width": 1280, "height": 900})


def test_a_trace_of_an_unknown_call_says_so(stack: RunningStack, chromium: "Browser"):
    with tab(chromium, troubled=True) as page:
        page.goto(f"http://127.0.0.1:{stack.port}/#look/never-heard-of")
        page.get_by_text("No call is known by “never-heard-of”").wait_for()


def report(page: "Page") -> tuple[str, dict[str, Any]]:
    with page.expect_download() as download:
        page.get_by_role("button", name="Save a report").click()
    text = Path(download.value.path()).read_text()
    return text, json.loads(text)


def test_a_report_has_words_only_when_asked(spoken: tuple["Page", list[str]]):
    page, texts = spoken
    panel = panel_of(page, "Report")
    text, facts = report(page)
    assert [secret for secret in SECRETS if secret in text.lower()] == []
    assert not any(said in text for said in texts)
    assert facts["server"]["health"]["stages"]["asr"]["workers"] == 1
    sent = [line["message"] for line in facts["messages"]["lines"] if "message" in line]
    assert sent[0]["type"] == "config"
    assert sent[0]["context"] == f"hidden, {len(NAMED['context'])} characters"
    panel.get_by_role("checkbox").check()
    text, facts = report(page)
    assert all(said in text for said in texts)
    (created,) = (
        line["message"] for line in facts["messages"]["lines"] if line["type"] == "session_created"
    )
    assert created["resume_token"] == "…"
    panel.get_by_role("checkbox").uncheck()
