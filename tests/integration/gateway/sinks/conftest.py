"""The feed of a gateway, and sinks that are tried again soon."""

from collections.abc import AsyncIterator

import pytest

from common.redis.link import Link
from gateway.feed.feed import Feed
from gateway.sinks import delivery, service
from tests.integration.gateway.feeding import sweeping
from tests.integration.gateway.sinks.receiver import Receiver, receiving


@pytest.fixture
async def feed(link: Link) -> AsyncIterator[Feed]:
    """A gateway's feed, which looks everywhere all the time."""
    async with sweeping(link) as feed:
        yield feed


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    async with receiving() as one:
        yield one


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nothing that takes seconds."""
    for module in (delivery, service):
        monkeypatch.setattr(module, "PAUSES", (0.05, 0.1))
    monkeypatch.setattr("gateway.feed.feed.SWEEP_EVERY", 0.05)
    monkeypatch.setattr(service, "_CLAIM_EVERY", 0.02)
    monkeypatch.setattr(service, "_LATE_S", 0.2)
