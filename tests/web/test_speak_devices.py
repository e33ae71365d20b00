"""Microphones that are refused, absent, unplugged, muted or silent, in the Speak view."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from common.audio import SAMPLE_RATE
from tests.integration.conftest import RunningStack
from tests.integration.pipeline.services import service
from tests.web.conftest import Launch
from tests.web.speaking import Speak, sentences, speak, write

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.timeout(240)

KEEPS_TRACK = """
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => {
        const stream = await ask(wanted);
        [window.track] = stream.getAudioTracks();
        window.wanted = wanted;
        return stream;
    };
"""
"""The page's track, for a test that unplugs or mutes it: the fake device can do neither."""


@pytest.fixture
def address(stack: RunningStack) -> str:
    return f"http://127.0.0.1:{stack.port}"


@pytest.fixture(scope="module")
def speaker(launch: Launch, tmp_path_factory: pytest.TempPathFactory) -> "Browser":
    path = tmp_path_factory.mktemp("speech") / "sentences.wav"
    return launch(write(path, sentences()))


def test_a_denied_permission_is_explained(address: str, launch: Launch):
    browser = launch(fake=False)
    with speak(browser, address) as view:
        refuse(view, "NotAllowedError")
        failure_of(view, "permission_denied", "may not use the microphone", "Allow the microphone")
    browser.close()


def test_no_microphone_is_explained(address: str, launch: Launch):
    browser = launch(fake=False)
    with speak(browser, address, permissions=["microphone"]) as view:
        failure_of(view, "device_not_found", "No microphone was found", "Plug one in")
    browser.close()


def test_a_busy_microphone_is_explained_and_the_next_start_works(address: str, chromium: "Browser"):
    with speak(chromium, address) as view:
        refuse(view, "NotReadableError", times=1)
        failure_of(view, "device_busy", "used by another program", "Close other programs")
        view.button("Start again").click()
        view.wait_for_state("Live")
        view.stop()
        assert view.page.locator(".failure").count() == 0


def refuse(view: Speak, name: str, times: int = 99) -> None:
    """Have the browser refuse the microphone as it does for this reason."""
    view.page.add_init_script(f"""
        const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        let left = {times};
        navigator.mediaDevices.getUserMedia = (wanted) =>
            left-- > 0 ? Promise.reject(new DOMException("no", "{name}")) : ask(wanted);
    """)


def failure_of(view: Speak, code: str, what: str, todo: str) -> None:
    view.open().start()
    failure = view.page.locator(f".failure[data-code={code}]")
    failure.wait_for()
    assert what in failure.inner_text()
    assert todo in failure.inner_text()


def test_an_address_without_https_is_explained_and_takes_files(
    stack: RunningStack, launch: Launch, tmp_path: Path
):
    browser = launch(None, "--host-resolver-rules=MAP callscribe.test 127.0.0.1")
    with (
        service("gateway", stack.redis_url, "--no-auth") as gateway,
        speak(
            browser,
            f"http://callscribe.test:{gateway.port}",
            allowed=["Cross-Origin-Opener-Policy"],
        ) as view,
    ):
        gateway.wait_ready()
        view.open()
        assert view.page.evaluate("isSecureContext") is False
        assert "Open the page with https://" in view.page.locator(".insecure").inner_text()
        assert view.button("Start").is_disabled()
        view.page.get_by_label("File", exact=True).check(force=True)
        view.page.get_by_label("Pace").select_option("fast")
        assert view.page.locator(".insecure").count() == 0
        view.choose(write(tmp_path / "sentences.wav", sentences()))
        view.start()
        view.wait_for_state("Finished")
        assert len(view.finals) == 3
        view.button("Copy").click()
        view.page.get_by_text("The browser did not allow copying").wait_for()
    browser.close()


def test_what_was_said_before_the_microphone_was_unplugged_is_kept(
    address: str, speaker: "Browser"
):
    with speak(speaker, address) as view:
        view.page.add_init_script(KEEPS_TRACK)
        view.open().start()
        view.wait_for_text("fox")
        view.page.evaluate("track.stop(); track.dispatchEvent(new Event('ended'))")
        failure = view.page.locator(".failure[data-code=device_lost]")
        failure.wait_for(timeout=60_000)
        assert "unplugged" in failure.inner_text()
        assert "quick brown fox" in view.finals[0]


def test_a_muted_microphone_is_said_until_it_is_unmuted(address: str, chromium: "Browser"):
    mute = """(muted) => {
        Object.defineProperty(track, "muted", { value: muted, configurable: true });
        track.dispatchEvent(new Event(muted ? "mute" : "unmute"));
    }"""
    with speak(chromium, address) as view:
        view.page.add_init_script(KEEPS_TRACK)
        view.open().start()
        view.wait_for_state("Live")
        view.page.evaluate(mute, True)
        warning = view.page.get_by_text("The system has muted this microphone")
        warning.wait_for()
        view.page.evaluate(mute, False)
        warning.wait_for(state="detached")
        view.stop()


def test_a_microphone_that_gives_nothing_is_said(address: str, launch: Launch, tmp_path: Path):
    browser = launch(write(tmp_path / "nothing.wav", np.zeros(SAMPLE_RATE, np.float32)))
    with speak(browser, address) as view:
        view.open().start()
        view.page.get_by_text("Nothing comes from this microphone").wait_for()
        assert view.page.locator(".level .value").inner_text() == "silent"
        view.stop()
    browser.close()


def test_sound_that_is_too_loud_is_said(address: str, launch: Launch, tmp_path: Path):
    square = np.where(np.arange(10 * SAMPLE_RATE) // 40 % 2, 1.0, -1.0).astype(np.float32)
    browser = launch(write(tmp_path / "loud.wav", square))
    with speak(browser, address) as view:
        view.open().start()
        view.page.locator(".level .value", has_text="too loud").wait_for()
        view.stop()
    browser.close()


def test_the_chosen_microphone_is_asked_for_without_the_browsers_changes(
    address: str, chromium: "Browser"
):
    with speak(chromium, address, permissions=["microphone"]) as view:
        view.page.add_init_script(KEEPS_TRACK)
        view.open()
        devices = view.page.get_by_role("combobox", name="Microphone")
        devices.locator("option").nth(1).wait_for(state="attached")
        chosen = devices.locator("option").nth(1).get_attribute("value")
        devices.select_option(chosen)
        view.start()
        view.wait_for_state("Live")
        assert devices.is_disabled()
        wanted = view.page.evaluate("wanted.audio")
        assert wanted["deviceId"] == {"exact": chosen}
        assert (wanted["echoCancellation"], wanted["noiseSuppression"]) == (False, False)
        view.stop()
