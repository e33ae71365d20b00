"""Runs drills, and notes how long each of their alerts took to arrive."""

import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.drills import calls, capacity, processes
from tests.drills.monitoring import FASTER
from tests.drills.registry import Drill
from tests.drills.system import System, running_system
from tests.integration.callscribe.processes import until_true

FAMILIES = (processes, calls, capacity)
"""Importing them fills the table."""

_QUIET = 60.0


@dataclass
class Outcome:
    """What came of a drill: seconds until each alert arrived, and what went wrong, if anything."""

    drill: Drill
    seconds: dict[tuple[str, str], float] = field(default_factory=dict)
    trouble: str = ""

    @property
    def good(self) -> bool:
        """Whether every alert arrived."""
        return not self.trouble and self.drill.alerts <= self.seconds.keys()


async def run(drills: Sequence[Drill]) -> list[Outcome]:
    """Run these drills on one system: those that disturb nobody beside the others.

    What came of each is printed when it is over.
    """
    with (
        tempfile.TemporaryDirectory(prefix="callscribe-drills-") as directory,
        running_system(Path(directory)) as system,
    ):
        await system.ready()
        beside = [asyncio.create_task(_run(system, each)) for each in drills if each.beside]
        alone = [await _run(system, each) for each in drills if not each.beside]
        return [*await asyncio.gather(*beside), *alone]


async def _run(system: System, drill: Drill) -> Outcome:
    outcome, come = Outcome(drill), time.monotonic()
    try:
        # An alert that still fires for an earlier drill would prove nothing.
        await until_true(lambda: not drill.alerts & system.prometheus.firing(), _QUIET)
        begun = time.monotonic()

        def fired() -> bool:
            for each in drill.alerts & system.alertmanager.firing():
                outcome.seconds.setdefault(each, time.monotonic() - begun)
            return drill.alerts <= outcome.seconds.keys()

        await drill.provoke(system, fired)
    except Exception as error:
        outcome.trouble = f"{type(error).__name__}: {error}"
    _tell(outcome, time.monotonic() - come)
    return outcome


def as_json(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return what came of the drills: of each alert how it was provoked, and when it fired, in s.

    The time is that of the shortened rules, None where the alert did not come.
    """
    alerts = [
        {
            "alert": name,
            "severity": severity,
            "drill": outcome.drill.name,
            "provoked_by": outcome.drill.text,
            "fired_after_s": _rounded(outcome.seconds.get((name, severity))),
        }
        for outcome in outcomes
        for name, severity in outcome.drill.alerts
    ]
    return {"faster": FASTER, "alerts": sorted(alerts, key=_of_alert)}


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def _of_alert(told: Mapping[str, Any]) -> tuple[str, str]:
    return told["alert"], told["severity"]


def _tell(outcome: Outcome, seconds: float) -> None:
    """Print how long each alert took, and how long the drill took with its mending."""
    print(f"{outcome.drill.text} ({seconds:.0f} s)")
    for alert in sorted(outcome.drill.alerts):
        took = outcome.seconds.get(alert)
        print(f"    {alert[0]:18} {alert[1]:6} {'never' if took is None else f'{took:5.1f} s'}")
    if outcome.trouble:
        print(f"    {outcome.trouble}")
    sys.stdout.flush()
