"""What goes wrong during a call in the Speak view: the connection, the server, the microphone."""

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from callscribe.loadtest.scoring import word_errors
from tests.integration.pipeline.calls import sample_call
from tests.integration.pipeline.resuming import gateway
from tests.integration.pipeline.services import LastingRedis, Service, lasting_redis, service
from tests.web.conftest import Launch
from tests.web.speaking import BROKEN, Speak, sentences, speak, write

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.timeout(300)

AWAY = 5.0
"""Seconds that Redis is paused."""


@dataclass(frozen=True)
class Server:
    """A whole system whose gateway and Redis can be disturbed."""

    redis: LastingRedis
    gateway: Service

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.gateway.port}"

    def kill_gateway(self) -> None:
        self.gateway.kill()

    def restart_gateway(self) -> None:
        """Start another one at the same port."""
        port = self.gateway.port
        again = Service("gateway", self.redis.url, "--port", str(port))
        self.gateway.process = again.process
        self.gateway.wait_ready()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with (
        lasting_redis(tmp_path_factory.mktemp("redis")) as redis,
        service("vad", redis.url) as vad,
        service("asr", redis.url) as asr,
    ):
        vad.wait_ready()
        asr.wait_ready()
        with gateway(redis.url) as running:
            yield Server(redis, running)


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen seconds of two speakers."""
    return write(tmp_path_factory.mktemp("call") / "call.wav", sample_call(16.0), 8_000)


@pytest.fixture(scope="module")
def undisturbed(server: Server, chromium: "Browser", call: Path) -> list[tuple[str, str]]:
    """The turns of the call when nothing goes wrong."""
    with speak(chromium, server.address) as view:
        view.open("#speak?source=file&channels=2&paced=0")
        turns = view.transcript_of(call)
    assert len(turns) >= 3
    return turns


def kill_and_restart(server: Server, view: Speak) -> None:
    server.kill_gateway()
    view.wait_for_state("Resuming")
    waiting = view.page.locator(".waiting", has_text="nothing is lost")
    waiting.wait_for()
    view.page.wait_for_timeout(1_500)
    assert seconds_of(waiting.inner_text()) >= 1
    server.restart_gateway()
    # On a slow machine the file has ended meanwhile.
    view.wait_for_state(re.compile("Live|last words|Finished"))


def seconds_of(text: str) -> float:
    """Return the seconds at the beginning of a text such as "1.52 s so far"."""
    number, unit = text.split()[:2]
    return float(number) * {"s": 1, "ms": 0.001}[unit]


def pause_redis(server: Server, view: Speak) -> None:
    pausing = threading.Thread(target=server.redis.pause, args=[AWAY])
    pausing.start()
    while pausing.is_alive():
        view.page.wait_for_timeout(100)


@pytest.mark.parametrize("trouble", [kill_and_restart, pause_redis])
def test_a_files_transcript_is_word_for_word_that_of_an_undisturbed_call(
    server: Server,
    chromium: "Browser",
    call: Path,
    undisturbed: list[tuple[str, str]],
    trouble: Callable[[Server, Speak], None],
):
    with speak(chromium, server.address, allowed=BROKEN) as view:
        view.open("#speak?source=file&channels=2")
        view.choose(call)
        view.start()
        # In the middle of the first sentence, with a partial of it shown.
        view.page.locator(".turn.open").first.wait_for()
        trouble(server, view)
        view.wait_for_state("Finished")
        assert view.turns() == undisturbed


def test_no_word_into_a_microphone_is_missing_when_the_gateway_is_killed(
    server: Server, launch: Launch, tmp_path: Path
):
    path = write(tmp_path / "sentences.wav", sentences())
    browser = launch(path)
    with speak(browser, server.address) as view:
        view.open("#speak?source=file&paced=0").choose(path)
        view.start()
        view.wait_for_state("Finished")
        reference = view.finals
    assert len(reference) == 3
    with speak(browser, server.address, allowed=BROKEN) as view:
        view.open().start()
        view.page.locator(".turn.open").first.wait_for()
        kill_and_restart(server, view)
        view.wait_for_text("Hello world", 90)
        view.stop()
        errors, words = word_errors([" ".join(reference)], [" ".join(view.finals)])
        print(f"\nmicrophone, gateway killed: {errors} of {words} words otherwise than undisturbed")
        assert (view.finals[0], view.finals[-1]) == (reference[0], reference[-1])
        assert errors <= 1
    browser.close()


def test_a_lost_network_is_told_while_the_socket_is_still_open(
    server: Server, chromium: "Browser", call: Path
):
    with speak(chromium, server.address) as view:
        view.open("#speak?source=file&channels=2")
        view.choose(call)
        view.start()
        view.wait_for_state("Live")
        told = view.page.get_by_role("alert").filter(has_text="no network")
        view.page.context.set_offline(True)
        told.wait_for(timeout=3000)
        view.wait_for_state("Live")
        view.page.context.set_offline(False)
        told.wait_for(state="detached", timeout=3000)
        view.stop()


def test_a_server_that_stays_away_is_explained_and_the_text_stays(
    server: Server, chromium: "Browser", call: Path
):
    with speak(chromium, server.address, allowed=BROKEN) as view:
        view.open("#speak?source=file&channels=2")
        view.choose(call)
        view.start()
        view.page.locator(".turn.final").first.wait_for()
        said = view.finals[0]
        server.kill_gateway()
        view.wait_for_state("Resuming")
        view.button("Cancel").click()
        view.wait_for_state("Finished")
        view.start()
        failure = view.page.locator(
            ".failure[data-code=wrong_address], .failure[data-code=disconnected]"
        )
        failure.wait_for(timeout=90_000)
        assert said in view.finals
        server.restart_gateway()
        view.button("Start again").click()
        view.wait_for_state("Live")
        view.stop()
