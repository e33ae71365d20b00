"""What the Listen view does when the gateway that it reads from is killed."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.pipeline.resuming import gateway
from tests.integration.pipeline.services import Service, lasting_redis, service
from tests.web.listening import calling, said, tab, turns, wait_for_state

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def disturbed(tmp_path: Path) -> Iterator[tuple[Service, str]]:
    """A gateway with all that it needs, to be killed, and its Redis."""
    with (
        lasting_redis(tmp_path) as redis,
        service("vad", redis.url) as vad,
        service("asr", redis.url) as asr,
    ):
        vad.wait_ready()
        asr.wait_ready()
        with gateway(redis.url) as running:
            yield running, redis.url


def test_nothing_is_lost_or_doubled_when_the_gateway_is_killed(
    disturbed: tuple[Service, str], chromium: "Browser"
):
    running, redis_url = disturbed
    address = f"http://127.0.0.1:{running.port}"
    with tab(chromium, troubled=True) as page, tab(chromium) as late:
        with calling(running.url, 40.0, conversation_id="killed") as call:
            page.goto(f"{address}/#listen/killed")
            page.locator(".turn:not(.open)").first.wait_for(timeout=60_000)
            running.kill()
            wait_for_state(page, "resuming")
            page.get_by_text("Nothing is lost").wait_for()
            running.process = Service("gateway", redis_url, "--port", str(running.port)).process
            running.wait_ready()
            wait_for_state(page, "live")
            events = call.result(180)
        wait_for_state(page, "ended")
        late.goto(f"{address}/#listen/killed")
        wait_for_state(late, "ended")
        assert turns(page) == turns(late) == said(events)
        assert len(turns(page)) >= 6
