"""Calls for other people's eyes, and a tab that looks at them."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from callscribe.client.messages import Event, Final
from callscribe.client.options import Options
from callscribe.sync import connect
from tests.integration.pipeline.calls import pcm16, sample_call, split

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LABELS = ("agent", "caller")
PACE = 0.1
"""Seconds of audio in a message, and between two."""


@contextmanager
def calling(
    url: str, seconds: float | None = None, *, api_key: str | None = None, **options: Any
) -> Iterator["Future[list[Event]]"]:
    """Speak the sample call at its own pace meanwhile; the result is what its client was told."""

    def audio() -> Iterator[bytes]:
        began = time.monotonic()
        for number, data in enumerate(split(pcm16(sample_call(seconds)), round(8_000 * PACE) * 4)):
            time.sleep(max(0.0, began + number * PACE - time.monotonic()))
            yield data

    def speak() -> list[Event]:
        form = Options(sample_rate=8_000, channels=2, channel_labels=LABELS, **options)
        with connect(url, form, api_key=api_key) as call:
            return list(call.transcribe(audio()))

    with ThreadPoolExecutor(1) as threads:
        yield threads.submit(speak)


def said(events: list[Event]) -> list[tuple[str, str]]:
    """Return who said what, in the order of beginnings, as the client was told."""
    finals = [event for event in events if isinstance(event, Final) and event.text]
    return [(LABELS[each.channel], each.text) for each in sorted(finals, key=lambda f: f.start)]


def turns(page: "Page") -> list[tuple[str, str]]:
    """Return who said what, in the order in which the Listen view has it."""
    shown = page.locator(".turn:not(.open)")
    roles = shown.locator(".about b").all_text_contents()
    return list(zip(roles, shown.locator(".text").all_text_contents(), strict=True))


def wait_for_state(page: "Page", state: str, timeout: float = 60) -> None:
    """Wait until the call is said to be in a state such as `live` or `ended`."""
    page.locator(".head [role=status]", has_text=state).wait_for(timeout=timeout * 1000)


@contextmanager
def tab(browser: "Browser", *, troubled: bool = False, **context: Any) -> Iterator["Page"]:
    """Open a tab of its own, whose page must not complain in the console.

    Where the server is in trouble, it may complain of connections.
    """
    mistakes: list[str] = []
    own = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **context})
    own.set_default_timeout(20_000)
    page = own.new_page()
    page.on("console", lambda message: mistakes.append(message.text))
    page.on("pageerror", lambda error: mistakes.append(f"error: {error}"))
    try:
        yield page
    finally:
        own.close()
    wrong = [each for each in mistakes if not troubled or each.startswith("error")]
    assert not wrong, wrong


def faults(page: "Page", axe: str) -> list[str]:
    """Return what axe-core finds that keeps people from using the page."""
    found = page.evaluate(f"{axe}; axe.run().then((result) => result.violations)")
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found]


def overflow(page: "Page") -> int:
    """Return how many pixels of the page lie beside what is shown."""
    width: int = page.evaluate(
        "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return width
