"""The Speak view for everyone: narrow screens, keyboards, screen readers, calm screens."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.conftest import RunningStack
from tests.integration.pipeline.calls import sample_call
from tests.web.speaking import Speak, speak, write

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.timeout(240)

PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("call") / "call.wav", sample_call(12.0), 8_000)


@pytest.fixture
def address(stack: RunningStack) -> str:
    return f"http://127.0.0.1:{stack.port}"


def violations(view: Speak, axe: str) -> list[str]:
    view.page.evaluate(axe)
    found: dict[str, Any] = view.page.evaluate("axe.run()")
    return [
        f"{each['id']}: {node['html'][:120]}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(address: str, chromium: "Browser", call: Path, axe: str, scheme: str):
    with speak(chromium, address, color_scheme=scheme) as view:
        view.open("#speak?source=file&channels=2&words=1&keywords=Northwind&shape=round")
        assert violations(view, axe) == []
        view.choose(call)
        view.start()
        view.page.locator(".turn.final mark").first.wait_for()
        assert violations(view, axe) == []
        view.wait_for_state("Finished")
        view.page.get_by_label("Longest utterance").fill("1")
        view.page.get_by_label("Longest utterance").blur()
        view.page.get_by_text("A number from 2 to 300.").wait_for()
        assert violations(view, axe) == []


def test_a_phone_needs_no_scrolling_sideways(address: str, chromium: "Browser", call: Path):
    with speak(chromium, address, viewport=PHONE) as view:
        long = "&labels=" + "x" * 128 + "&labels=y&keywords=" + "z" * 100
        view.open(f"#speak?source=file&channels=2&paced=0&words=1{long}")
        view.transcript_of(call)
        width = view.page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"]


def test_everything_is_done_with_the_keyboard(address: str, chromium: "Browser", call: Path):
    with speak(chromium, address) as view:
        view.open("#speak?source=file&paced=0")
        view.choose(call)
        tab_to(view, "Start")
        view.page.keyboard.press("Enter")
        view.wait_for_state("Finished")
        tab_to(view, "Words to expect")
        view.page.keyboard.type("Northwind")
        view.page.keyboard.press("Enter")
        tab_to(view, "Remove Northwind")
        view.page.keyboard.press("Enter")
        assert view.page.get_by_text("Northwind", exact=True).count() == 0
        tab_to(view, "Times of words")
        view.page.keyboard.press("Space")
        assert view.field("Times of words").is_checked()
        tab_to(view, "Copy link")


def tab_to(view: Speak, name: str) -> None:
    """Move the focus on until something with this name has it, and see that it shows."""
    named = """() => {
        const on = document.activeElement;
        const label = on.labels?.[0]?.textContent ?? "";
        return on.getAttribute("aria-label") ?? (label || on.textContent);
    }"""
    for _ in range(80):
        view.page.keyboard.press("Tab")
        if view.page.evaluate(named) == name:
            style = view.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert style == "solid"
            return
    raise AssertionError(f"no way to {name!r} by Tab")


def test_with_reduced_motion_the_waveform_moves_in_steps(
    address: str, chromium: "Browser", call: Path
):
    count = """() => new Promise((resolve) => {
        const canvas = document.querySelector("canvas");
        let [drawn, last, begun] = [0, "", performance.now()];
        const look = () => {
            const now = canvas.toDataURL();
            drawn += now !== last;
            last = now;
            performance.now() - begun < 3000 ? requestAnimationFrame(look) : resolve(drawn);
        };
        look();
    })"""
    with speak(chromium, address, reduced_motion="reduce") as view:
        view.open("#speak?source=file")
        view.choose(call)
        view.start()
        view.wait_for_state("Live")
        assert 2 <= view.page.evaluate(count) <= 5
        view.stop()
