"""Calls to a real system, and what its Prometheus answered when the autoscaler looked."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from bench import record

Answers: TypeAlias = Sequence[float | None]
"""One for each look; None where Prometheus had no series."""


@dataclass(frozen=True)
class Recording:
    """What was recorded; times in s from its beginning.

    A call that had begun before starts at 0, and one that went on ends with the recording.
    `questions` are those of the ScaledObjects by pool and trigger, with their buffers, and
    `answers` what Prometheus gave for them at each look, the first one at 0.
    """

    seconds: int
    look_s: float
    calls: Sequence[tuple[float, float]]
    buffers: Mapping[str, int]
    questions: Mapping[str, str]
    answers: Mapping[str, Answers]

    @property
    def peak(self) -> int:
        """The most calls at a time."""
        steps = sorted(step for start, end in self.calls for step in ((start, 1), (end, -1)))
        now = most = 0
        for _, step in steps:
            now += step
            most = max(most, now)
        return most

    def write(self, path: Path) -> None:
        """Write it as `bench.record` writes figures, on few lines."""
        today = f"{datetime.now(UTC):%Y-%m-%d}"
        report = {"date": today, "machine": record.machine(), "figures": asdict(self)}
        path.write_text(json.dumps(report, separators=(",", ":")) + "\n", encoding="utf-8")


def read(path: Path) -> Recording:
    """Return the recording that `Recording.write` wrote."""
    table = record.read(path)
    calls = [(float(start), float(end)) for start, end in table.pop("calls")]
    return Recording(calls=calls, **table)
