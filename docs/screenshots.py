"""Take the documents' pictures of the page, from the running product.

``make screenshots`` starts a stack and Debian's Chromium, whose microphone plays the sample call:
that is the call in Speak. Then the sample call comes with both speakers, and Listen and Look show
it. Each view is taken 1280 px wide in light colours, and as wide as a phone in dark ones:
docs/images/<view>-<form>.png. Take them on a quiet machine: the pictures show latencies.
"""

import io
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import soundfile
from PIL import Image
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from callscribe import sample, sync
from callscribe.client import Options
from common.errors import CallscribeError
from docs import stack

CALL = "ticket-4711"
LABELS = ("agent", "customer")
COLOURS = 64
"""In the palette of a picture: enough for text and flat areas."""
SPOKEN_MS = 60_000
"""Longest wait for words; a picture without them is an error."""
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_RATE = 48_000


@dataclass(frozen=True)
class Form:
    """How large a picture is, and in which colours."""

    name: str
    width: int
    height: int
    colours: str
    scale: float


FORMS = (Form("wide", 1280, 800, "light", 1.0), Form("phone", 390, 844, "dark", 1.5))


@contextmanager
def browser(playwright: Playwright, microphone: Path) -> Iterator[Browser]:
    """Start Chromium with a microphone that plays a file; RuntimeError if there is no Chromium."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        raise RuntimeError(f"no browser: one of {', '.join(_PROGRAMS)} must be on the PATH")
    flags = [
        "--no-sandbox",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}%noloop",
        "--disable-background-networking",
    ]
    started = playwright.chromium.launch(executable_path=program, args=flags)
    try:
        yield started
    finally:
        started.close()


def record_microphone(path: Path) -> None:
    """Write the sample call as one microphone hears it."""
    audio, rate = soundfile.read(sample.AUDIO)
    soundfile.write(path, audio.mean(axis=1).repeat(_RATE // rate), _RATE, subtype="PCM_16")


def place_call(url: str) -> None:
    """Speak the sample call at its own pace, until the stack ends."""
    with soundfile.SoundFile(sample.AUDIO) as file:
        options = Options(
            sample_rate=file.samplerate,
            channels=file.channels,
            channel_labels=LABELS,
            conversation_id=CALL,
            keywords=("bill", "account"),
        )
        # The stack ends before the call does. If it never begins, no view shows its words.
        with suppress(CallscribeError), sync.connect(url, options, patience=1) as call:
            for _ in call.transcribe(_paced(file)):
                pass


def _paced(file: soundfile.SoundFile) -> Iterator[bytes]:
    for block in file.blocks(file.samplerate // 10, dtype="int16"):
        yield block.tobytes()
        time.sleep(0.1)


def wait_for_words(page: Page, *words: str) -> None:
    """Wait until the page shows these words, in any case."""
    page.wait_for_function(
        "words => words.every(each => document.body.innerText.toLowerCase().includes(each))",
        arg=[*words],
        timeout=SPOKEN_MS,
    )


def take(page: Page, name: str) -> None:
    """Write a picture of the top of the page, with a palette."""
    page.evaluate("scrollTo(0, 0)")
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    small = picture.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    small.save(stack.IMAGES / f"{name}.png", optimize=True)


def speak(page: Page, address: str) -> None:
    """Speak into the microphone until there are two utterances."""
    page.goto(f"{address}/#speak")
    page.get_by_role("button", name="Start", exact=True).click()
    page.locator("li.final").first.wait_for(timeout=SPOKEN_MS)
    page.locator("li.turn").nth(1).wait_for(timeout=SPOKEN_MS)


def hang_up(page: Page) -> None:
    """End the call in Speak, and wait until the server has told all of it."""
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Start", exact=True).wait_for(timeout=SPOKEN_MS)


def listen(page: Page, address: str) -> None:
    """Listen to the call with both speakers."""
    page.goto(f"{address}/#listen/{CALL}")
    wait_for_words(page, "northwind", "account", "maple street")


def look(page: Page, address: str) -> None:
    """Look at the server, and test the connection to it."""
    page.goto(f"{address}/#look")
    page.get_by_role("tabpanel").get_by_role("button", name="Start").click()
    wait_for_words(page, "words heard")


def take_all(chromium: Browser, port: int, form: Form) -> None:
    """Take every view in one form."""
    context = chromium.new_context(
        viewport={"width": form.width, "height": form.height},
        device_scale_factor=form.scale,
        color_scheme=form.colours,
        permissions=["microphone"],
        reduced_motion="reduce",
        locale="en-GB",
    )
    page, address = context.new_page(), f"http://localhost:{port}"
    speak(page, address)
    take(page, f"speak-{form.name}")
    hang_up(page)
    url = f"ws://127.0.0.1:{port}/ws/asr"
    threading.Thread(target=place_call, args=(url,), daemon=True).start()
    for name, view in (("listen", listen), ("look", look)):
        view(page, address)
        take(page, f"{name}-{form.name}")
    context.close()


def main() -> None:
    """Take all pictures."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        microphone = Path(folder) / "microphone.wav"
        record_microphone(microphone)
        for form in FORMS:
            with stack.running() as port, browser(playwright, microphone) as chromium:
                take_all(chromium, port, form)


if __name__ == "__main__":
    main()
