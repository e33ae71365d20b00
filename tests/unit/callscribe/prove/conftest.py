"""A machine that carries a known number of calls, in place of one under load for minutes."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from callscribe.prove.objective import Measured, Objective
from callscribe.prove.proof import Judged, Load, Plan, Proof
from callscribe.prove.trial import Trial

PLAN = Plan(objective=Objective(), workers=1, loop_s=120.0, runs=2, dwell_s=30.0, hold_s=600.0)


def trial(calls: int, seconds: float = 30.0, **found: object) -> Trial:
    """Return a load in which everything went well, but for what is `found`."""
    usual = {
        **{"most_up": calls, "refused": 0, "lost": 0, "gap_s": 0.0},
        **{"final_ms": 100.0, "partial_ms": 400.0, "words": 500, "wer": 0.05},
    }
    return Trial(
        calls=calls,
        seconds=seconds,
        ramp_s=5.0,
        measured=Measured(**{**usual, **found}),  # type: ignore[arg-type]
        figures={"calls": {"opened": calls}},
        samples_ms={"endpoint_to_final": [90, 110]},
    )


class KnownMachine:
    """Its finals are late with more than `carries` calls, by run; loads longer than a minute let it
    carry `worn` less. It admits what it is told to.
    """

    def __init__(self, *carries: int, worn: int = 0, steep: float = 4.0, workers: int = 1) -> None:
        self.loads: list[tuple[dict[str, str], int, float]] = []
        self._carries = list(carries)
        self._worn = worn
        self._steep = steep
        self._workers = workers

    @asynccontextmanager
    async def started(self, **settings: str) -> AsyncIterator[Load]:
        searching = settings == {"ASR_LOAD": "0"}
        carries = self._carries.pop(0) if searching and len(self._carries) > 1 else None
        if carries is None:
            carries = self._carries[0]
        most = int(settings.get("ASR_LEGS", "1000")) * self._workers

        async def load(calls: int, seconds: float) -> Trial:
            self.loads.append((settings, calls, seconds))
            up = min(calls, most)
            good = up <= carries - (self._worn if seconds > 60 else 0)
            late = 500.0 * self._steep
            return trial(
                calls,
                seconds,
                most_up=up,
                refused=3 * (calls - up),
                final_ms=100.0 if good else late,
                reasons=["asr_legs"] if up < calls else [],
            )

        yield load


@pytest.fixture
def told() -> list[Judged]:
    return []


def proof(machine: KnownMachine, told: list[Judged], plan: Plan = PLAN) -> Proof:
    return Proof(machine, plan, told.append)


def asked(machine: KnownMachine, **settings: str) -> Sequence[int]:
    """Return how many calls were asked for on systems with these settings."""
    return [calls for given, calls, _ in machine.loads if given == settings]
