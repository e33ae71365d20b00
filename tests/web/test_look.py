"""The Look view: health, tests of the server, messages, load, and the report for support."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.integration.conftest import RunningStack
from tests.web.listening import faults, overflow, tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = pytest.mark.timeout(400)

FORMATS = 40


@pytest.fixture
def address(stack: RunningStack) -> str:
    return f"http://127.0.0.1:{stack.port}/#look"


def opened(page: "Page", address: str, name: str = "Connection") -> "Locator":
    """Show one of the tools; return its panel."""
    page.goto(address)
    page.get_by_text("The server takes calls.").wait_for()
    page.get_by_role("tab", name=name).click()
    return page.get_by_role("tabpanel", name=name)


def test_health_tells_of_every_stage_and_of_refusals(address: str, chromium: "Browser", axe: str):
    with tab(chromium) as page:
        opened(page, address)
        health = page.get_by_role("region", name="Health")
        for stage in ("vad", "asr", "denoise"):
            assert "ready" in health.get_by_role("row", name=stage).inner_text()
        assert "calls do without" in health.get_by_role("row", name="align").inner_text()
        assert faults(page, axe) == []


def test_a_server_that_goes_away_and_refuses_is_told(address: str, chromium: "Browser"):
    with tab(chromium, troubled=True) as page:
        opened(page, address)
        page.route("**/health/extended", lambda route: route.abort())
        page.get_by_text("The server does not answer").wait_for()
        stages = {"vad": {"workers": 0, "slots": 0, "used": 0}}
        reason = "no live worker: vad"
        facts = {"version": "1", "ready": False, "reason": reason, "stages": stages}
        facts |= {"uptime_s": 1, "memory_bytes": 1, "sessions": 0, "max_sessions": 1}
        page.unroute("**/health/extended")
        page.route("**/health/extended", lambda route: route.fulfill(status=503, json=facts))
        counted = 'callscribe_refusals_total{reason="vad_slots"} 3.0\n'
        page.route("**/metrics", lambda route: route.fulfill(body=counted))
        page.get_by_text(f"The server takes no calls: {reason}.").wait_for()
        assert page.get_by_role("row", name="vad_slots").inner_text().split()[-1] == "3"


def test_the_connection_test_measures_every_part(address: str, chromium: "Browser"):
    with tab(chromium) as page:
        panel = opened(page, address)
        panel.get_by_role("button", name="Start").click()
        panel.get_by_role("button", name="Start again").wait_for(timeout=120_000)
        rows = panel.locator("tbody tr").all_inner_texts()
        assert len(rows) == 6
        assert all("works" in row for row in rows), rows
        assert "words heard" in rows[-1]
        print("\n" + "\n".join(rows))


def test_the_connection_test_says_what_fails_and_what_to_do(address: str, chromium: "Browser"):
    with tab(chromium, troubled=True) as page:
        panel = opened(page, address)
        page.route_web_socket("**/ws/asr", lambda socket: socket.close(code=1011))
        page.route("**/ready", lambda route: route.fulfill(status=503, body="Redis is away\n"))
        panel.get_by_role("button", name="Start").click()
        panel.get_by_role("button", name="Start again").wait_for()
        assert "Redis is away. Start what is missing" in panel.locator(".step.failed").inner_text()
        assert panel.locator(".step.skipped").count() == 4


def test_every_audio_format_is_understood(address: str, chromium: "Browser"):
    with tab(chromium) as page:
        panel = opened(page, address, "Audio formats")
        panel.get_by_role("button", name="Start").click()
        panel.get_by_role("button", name="Start again").wait_for(timeout=360_000)
        assert panel.get_by_role("status").inner_text() == f"{FORMATS} work"
        assert panel.locator("td.passed").count() == FORMATS


def test_the_format_test_can_be_stopped(address: str, chromium: "Browser"):
    with tab(chromium) as page:
        panel = opened(page, address, "Audio formats")
        panel.get_by_role("button", name="Start").click()
        panel.locator("td.passed").first.wait_for(timeout=60_000)
        panel.get_by_role("button", name="Stop").click()
        panel.get_by_role("button", name="Start again").wait_for()
        done = panel.locator("td.passed").count()
        page.wait_for_timeout(3_000)
        assert panel.locator("td.passed").count() == done < FORMATS


def test_a_load_test_asks_ends_by_itself_and_ends_when_it_is_left(
    stack: RunningStack, address: str, chromium: "Browser", axe: str
):
    with tab(chromium, troubled=True) as page:
        panel = opened(page, address, "Load")
        panel.get_by_label("Calls at a time").fill("2")
        panel.get_by_label("Seconds").fill("9")
        panel.get_by_role("button", name="Start").click()
        panel.get_by_text("with 2 calls for 9 s?").wait_for()
        assert sessions(stack) == 0
        panel.get_by_role("button", name="Yes, load it").click()
        panel.get_by_role("button", name="Start again").wait_for(timeout=60_000)
        figures = dict(
            zip(*(panel.locator(each).all_inner_texts() for each in ("dt", "dd")), strict=True)
        )
        assert int(figures["Calls made"]) >= 2
        assert int(figures["Finals"]) >= 2
        assert figures["Failed"] == "0"
        print(f"\nload: {figures}")
        assert faults(page, axe) == []
        panel.get_by_role("button", name="Start again").click()
        panel.get_by_role("button", name="Yes, load it").click()
        until(page, lambda: sessions(stack) > 0)
        page.get_by_role("link", name="Listen").click()
        until(page, lambda: sessions(stack) == 0)


def sessions(stack: RunningStack) -> int:
    count: int = json.loads(stack.page("/ws/status")[1])["sessions"]
    return count


def until(page: "Page", condition: Callable[[], bool]) -> None:
    for _ in range(100):
        if condition():
            return
        page.wait_for_timeout(100)
    pytest.fail("it did not come true")


def test_it_fits_a_phone_and_needs_no_mouse(address: str, chromium: "Browser", axe: str):
    with tab(chromium, viewport={"width": 390, "height": 844}, color_scheme="dark") as page:
        opened(page, address)
        first = page.get_by_role("tab", name="Connection")
        first.focus()
        for name in ("Audio formats", "Messages", "Trace", "Load", "Report"):
            page.keyboard.press("ArrowRight")
            tabbed = page.get_by_role("tab", name=name)
            assert tabbed.get_attribute("aria-selected") == "true"
            assert tabbed.evaluate("(e) => e === document.activeElement")
            assert page.get_by_role("tabpanel", name=name).is_visible()
            assert overflow(page) == 0
            assert faults(page, axe) == []
        page.keyboard.press("Tab")
        assert page.evaluate("() => document.activeElement.type") == "checkbox"
