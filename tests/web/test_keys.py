"""The page at a server that needs keys: it asks for one, carries it, and keeps it to itself."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.guarded import Guarded, guarded_stack
from tests.web.listening import calling, faults, overflow, tab, turns, wait_for_state
from tests.web.speaking import Speak, sentences, write

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.timeout(240)

PHONE = {"width": 390, "height": 844}
WANTED = "This server needs an API key"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarded_stack(tmp_path_factory.mktemp("guarded")) as running:
        yield running


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write(tmp_path / "said.wav", sentences())


def give(page: "Page", key: str) -> None:
    """Type a key where the page asks for one."""
    page.get_by_label("API key", exact=True).fill(key)
    page.get_by_role("button", name="Use this key").click()


def handshakes(page: "Page") -> dict[str, str]:
    """Return the subprotocols that are offered from now on, by the path of the handshake."""
    offered: dict[str, str] = {}
    urls: dict[str, str] = {}
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")

    def created(event: dict[str, Any]) -> None:
        urls[event["requestId"]] = event["url"]

    def shaken(event: dict[str, Any]) -> None:
        headers = event["request"]["headers"]
        offered[urls[event["requestId"]]] = headers.get("Sec-WebSocket-Protocol", "")

    devtools.on("Network.webSocketCreated", created)
    devtools.on("Network.webSocketWillSendHandshakeRequest", shaken)
    return offered


def test_the_page_asks_for_a_key_and_keeps_it_to_itself(
    guarded: Guarded, chromium: "Browser", recording: Path, axe: str
):
    keys, address = guarded.keys, guarded.pages
    with tab(chromium, troubled=True) as page:
        view = Speak(page, address)
        page.goto(f"{address}/#speak?source=file&paced=0")
        page.get_by_role("heading", name=WANTED).wait_for()
        assert page.get_by_role("button", name="Start", exact=True).count() == 0
        assert faults(page, axe) == []
        give(page, keys.unknown)
        page.get_by_role("alert").get_by_text("does not know this key").wait_for()
        assert faults(page, axe) == []
        offered = handshakes(page)
        give(page, f" {keys.whole} ")
        view.choose(recording)
        view.start()
        view.wait_for_state("Finished")
        assert len(view.finals) == 3
        with page.expect_download() as download:
            view.button("Download").click()
        assert "fox" in download.value.path().read_text()
        page.get_by_role("link", name="Open in Listen").click()
        wait_for_state(page, "ended")
        assert len(turns(page)) == 3
        by_path = {url.partition("?")[0].rpartition("/")[2]: each for url, each in offered.items()}
        assert by_path["asr"].startswith("callscribe, token.cst_")
        assert by_path["events"] == f"callscribe, token.{keys.whole}"
        page.goto(f"{address}/#look")
        page.get_by_role("row", name="asr").wait_for()
        page.get_by_role("tab", name="Report").click()
        page.get_by_label("Include what was said").check()
        with page.expect_download() as saved:
            page.get_by_role("button", name="Save a report").click()
        report = saved.value.path().read_text()
        stored = page.evaluate("() => [JSON.stringify(localStorage), document.cookie, location]")
        secret = keys.whole.rpartition("_")[2]
        told = [report, json.dumps(stored), "\n".join(view.mistakes), *offered]
        assert [text for text in told if secret in text or "cst_" in text] == []
        page.reload()
        page.get_by_role("row", name="asr").wait_for()
        page.get_by_role("button", name="Forget the key").click()
        page.get_by_role("heading", name=WANTED).wait_for()
        assert page.evaluate("() => sessionStorage.length") == 0
        assert page.get_by_role("row", name="asr").count() == 0


def test_a_key_with_one_scope_says_what_it_does_not_do(
    guarded: Guarded, chromium: "Browser", axe: str
):
    url, keys = guarded.stack.url, guarded.keys
    with calling(url, 4.0, api_key=keys.caller, conversation_id="ticket 7") as speaking:
        speaking.result()
    with tab(chromium, troubled=True, viewport=PHONE) as page:
        page.goto(f"{guarded.pages}/#listen/ticket%207")
        page.get_by_role("heading", name=WANTED).wait_for()
        assert (overflow(page), faults(page, axe)) == (0, [])
        give(page, keys.reader)
        wait_for_state(page, "ended")
        assert turns(page)
        assert overflow(page) == 0
        page.goto(f"{guarded.pages}/#look")
        page.get_by_text("The server takes calls.").wait_for()
        page.get_by_text("shown with a key of the scope admin").wait_for()
        page.get_by_text("This key makes no calls").first.wait_for()
        assert page.get_by_role("button", name="Start", exact=True).is_disabled()
        assert (overflow(page), faults(page, axe)) == (0, [])
        page.get_by_role("button", name="Forget the key").click()
        give(page, keys.caller)
        page.get_by_role("link", name="Listen").click()
        page.get_by_text("does not list its calls to this page").wait_for()
        page.get_by_role("link", name="Look").click()
        page.get_by_role("button", name="Start", exact=True).click()
        page.get_by_role("button", name="Start again").wait_for(timeout=120_000)
        rows = page.get_by_role("tabpanel", name="Connection").locator("tbody tr").all_inner_texts()
        assert [row for row in rows if "works" not in row] == []


def test_a_key_that_is_revoked_leaves_what_was_said_in_sight(
    guarded: Guarded, chromium: "Browser", recording: Path
):
    keys = guarded.keys
    with tab(chromium, troubled=True) as page:
        view = Speak(page, guarded.pages)
        page.goto(f"{guarded.pages}/#speak?source=file")
        give(page, keys.doomed)
        view.choose(recording)
        view.start()
        page.locator(".turn.final").first.wait_for()
        keys.revoke(keys.doomed)
        page.get_by_role("alert").get_by_text("This key was revoked").wait_for()
        page.get_by_text("Give another one above").wait_for()
        assert view.finals
        give(page, keys.whole)
        page.get_by_role("heading", name=WANTED).wait_for(state="detached")
        assert view.finals
        view.button("Start again").click()
        view.wait_for_state("Finished")
