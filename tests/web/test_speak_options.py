"""The controls of the Speak view during a call: each acts, or says why it did not."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.conftest import RunningStack
from tests.integration.pipeline.calls import clip, said
from tests.web.speaking import Speak, speak, write

if TYPE_CHECKING:
    from playwright.sync_api import Browser, WebSocket

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def address(stack: RunningStack) -> str:
    return f"http://127.0.0.1:{stack.port}"


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence again and again, for longer than any of these tests takes."""
    parts = [part for _ in range(40) for part in (clip("quick_brown_fox"), 1.5)]
    return write(tmp_path_factory.mktemp("speech") / "foxes.wav", said(1.0, *parts))


def changes(view: Speak) -> list[dict[str, Any]]:
    """Return a list that gets the options of each later `config` of the page's calls."""
    found: list[dict[str, Any]] = []

    def sent(frame: str | bytes) -> None:
        if isinstance(frame, str):
            message = json.loads(frame)
            if message.pop("type") == "config" and "events" not in message:
                found.append(message)

    def opened(socket: "WebSocket") -> None:
        socket.on("framesent", sent)

    view.page.on("websocket", opened)
    return found


def fill(view: Speak, label: str, value: str) -> None:
    view.field(label).fill(value)
    view.field(label).blur()


def test_every_control_acts_during_a_call(address: str, chromium: "Browser", spoken: Path):
    with speak(chromium, address) as view:
        told = changes(view)
        view.open("#speak?source=file&denoise=1&language=en")
        view.choose(spoken)
        view.start()
        view.page.locator(".turn.final").first.wait_for()
        assert view.page.locator(".word").count() == 0
        view.field("Times of words").check()
        fill(view, "Words to expect", "fox")
        view.button("Add").click()
        view.page.locator(".turn.final .word mark").first.wait_for(timeout=60_000)
        view.field("Show text while it is spoken").uncheck()
        fill(view, "Language", "English")
        fill(view, "What the call is about", "Animals that jump")
        fill(view, "Wrong letters allowed in a keyword", "1")
        fill(view, "Probability that counts as speech", "0.4")
        fill(view, "Silence that ends an utterance", "0.5")
        fill(view, "Speech that begins an utterance", "0.1")
        fill(view, "Longest utterance", "20")
        view.field("Remove noise").select_option("off")
        count = len(view.finals)
        view.page.locator(".turn.final").nth(count + 1).wait_for(timeout=60_000)
        view.page.wait_for_timeout(1_000)
        assert view.page.locator(".turn.open").count() == 0
        assert told == [
            {"words": True},
            {"keywords": ["fox"]},
            {"interim_results": False},
            {"language": "English"},
            {"context": "Animals that jump"},
            {"keyword_distance": 1},
            {"vad_threshold": 0.4},
            {"silence_threshold": 0.5},
            {"min_speech_duration": 0.1},
            {"max_utterance": 20},
            {"denoise": False},
        ]
        assert view.page.locator(".wrong, .warnings").count() == 0
        view.stop()


def test_a_refused_change_is_taken_back_and_explained(
    address: str, chromium: "Browser", spoken: Path
):
    with speak(chromium, address) as view:
        view.open("#speak?source=file&language=English")
        view.choose(spoken)
        view.start()
        view.wait_for_state("Live")
        fill(view, "Language", "Klingon")
        view.page.get_by_text("Not changed:").wait_for()
        assert view.field("Language").input_value() == "English"
        fill(view, "Language", "German")
        view.page.get_by_text("Not changed:").wait_for(state="detached")
        assert view.field("Language").input_value() == "German"
        view.stop()


def test_what_cannot_change_is_disabled_during_a_call(
    address: str, chromium: "Browser", spoken: Path
):
    fixed = (
        "Tell speakers of one channel apart",
        "Conversation id",
        "Filter very noisy stretches further",
        "Most noise reduction",
    )
    sources = ("Pace", "Channels")
    with speak(chromium, address) as view:
        view.open("#speak?source=file")
        view.choose(spoken)
        assert all(view.field(label).is_enabled() for label in (*fixed, *sources, "Remove noise"))
        view.start()
        view.wait_for_state("Live")
        assert all(view.field(label).is_disabled() for label in (*fixed, *sources))
        assert view.field("Remove noise").is_disabled()
        assert view.page.get_by_text("Can be switched only in a call").is_visible()
        assert view.field("Language").is_enabled()
        view.stop()
        assert view.field("Conversation id").is_enabled()


def test_numbers_that_cannot_be_are_explained_and_not_sent(
    address: str, chromium: "Browser", spoken: Path
):
    with speak(chromium, address) as view:
        told = changes(view)
        view.open("#speak?source=file&vad_threshold=0.4")
        view.choose(spoken)
        view.start()
        view.wait_for_state("Live")
        fill(view, "Probability that counts as speech", "7")
        view.page.get_by_text("A number from 0 to 1.").wait_for()
        fill(view, "Probability that counts as speech", "")
        view.page.get_by_text("cannot be given back").wait_for()
        fill(view, "Speech that begins an utterance", "50")
        view.page.get_by_text("must be shorter than the longest").wait_for()
        assert told == []
        view.stop()


def test_a_change_while_the_browser_asks_for_permission_acts_later(
    address: str, chromium: "Browser"
):
    asking = """
        const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        const allowed = new Promise((resolve) => { window.allow = resolve; });
        navigator.mediaDevices.getUserMedia = (wanted) => allowed.then(() => ask(wanted));
    """
    with speak(chromium, address) as view:
        told = changes(view)
        view.page.add_init_script(asking)
        view.open().start()
        view.wait_for_state("Waiting for the microphone")
        view.field("Times of words").check()
        view.page.evaluate("allow()")
        view.wait_for_state("Live")
        assert told == [{"words": True}]
        view.stop()
