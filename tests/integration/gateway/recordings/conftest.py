"""Recordings of short parts, made soon."""

import pytest

from common.audio import SAMPLE_RATE
from gateway.recordings import parts, recording, sink
from tests.integration.gateway.sinks.conftest import brisk as brisk
from tests.integration.gateway.sinks.conftest import feed as feed


@pytest.fixture(autouse=True)
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a second aside at a time, and look all the time."""
    for module in (parts, recording):
        monkeypatch.setattr(module, "PART", SAMPLE_RATE)
    monkeypatch.setattr("gateway.sinks.delivery._RENEW_EVERY", 0.1)
    monkeypatch.setattr(sink, "_LOOK_EVERY", 0.02)
    monkeypatch.setattr(sink, "_PAUSES", (0.02, 0.1))
