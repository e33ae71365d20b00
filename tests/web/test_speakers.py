"""Speakers of one channel on the page: in one's own call, and in a call that is listened to."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.recordings import channels
from callscribe import sample
from common.audio import SAMPLE_RATE
from tests.integration.conftest import RunningStack
from tests.web.listening import faults, tab, wait_for_state
from tests.web.speaking import speak, write

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.timeout(180)
SECONDS = 45
NUMBER = re.compile(r"speaker \d")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The beginning of the sample call, both parties on one channel."""
    one, other = (each[: SECONDS * SAMPLE_RATE] for each in channels(sample.AUDIO))
    return write(tmp_path_factory.mktemp("speech") / "mixed.wav", one + other)


def test_labels_are_those_that_are_known_at_last(
    stack: RunningStack, chromium: "Browser", axe: str, mixed: Path
):
    address = f"http://127.0.0.1:{stack.port}"
    with speak(chromium, address) as view:
        view.open("#speak?source=file&paced=0&silence_threshold=0.3")
        option = view.field("Tell speakers of one channel apart")
        option.check()
        turns = view.transcript_of(mixed)
        told = [who for who, _ in turns]
        assert {"speaker 0", "speaker 1"} <= {*told}
        assert faults(view.page, axe) == []
        hash = view.page.get_by_role("link", name="Open in Listen").get_attribute("href")
    # Corrections have reached the labels: who comes late reads the same.
    with tab(chromium, color_scheme="dark") as page:
        page.goto(f"{address}/{hash}")
        wait_for_state(page, "ended")
        roles = page.locator(".turn .about b").all_text_contents()
        assert [NUMBER.findall(role) for role in roles] == [NUMBER.findall(who) for who in told]
        assert faults(page, axe) == []
