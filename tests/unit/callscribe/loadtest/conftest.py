"""A load against a scripted server, with a clock that runs ahead of the real one."""

import time
from collections.abc import Callable

import pytest

from callscribe.client.options import Options
from callscribe.commands.server_flags import Server
from callscribe.loadtest import load
from callscribe.loadtest.caller import Callees, Callers
from callscribe.loadtest.load import Load, Shape
from callscribe.loadtest.pacing import Pacer
from callscribe.loadtest.plan import Loop, Passage
from callscribe.loadtest.tally import Tally

SPEED = 60.0


class LoadBench:
    """What a load consists of; the loop says "one two" in every second."""

    def __init__(self, url: str, **shape: float) -> None:
        begin = time.monotonic()
        self.tally = Tally()
        self.loop = Loop(0.1, 60, [[Passage(1.0, 3.0, "one two")]])
        frame = b"\x82\x84" + bytes(4) + b"abcd"
        clock: Callable[[], float] = lambda: SPEED * (time.monotonic() - begin)  # noqa: E731
        self.pacer = Pacer([frame] * 60, 0.1, clock, self.tally.late)
        options = Options(events=("speech_started", "speech_ended", "gap", "lag"))
        callees = Callees(Server(urls=[url], api_key="secret"), options)
        self.callers = Callers(callees, self.loop, self.pacer, self.tally, clock)
        whole = Shape(**{"sessions": 2, "duration": 10.0, "ramp": 0.0, **shape})  # type: ignore[arg-type]
        self.load = Load(whole, self.loop, self.callers, self.pacer, self.tally, clock)


@pytest.fixture
def load_on(monkeypatch: pytest.MonkeyPatch) -> type[LoadBench]:
    monkeypatch.setattr(load, "_REDIAL_S", 0.02)
    return LoadBench
