"""The objective that calls must meet, and where a load breaks it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from typing import Any

_CHANCE = 2.0
"""Standard deviations by which word errors may differ by chance."""


@dataclass(frozen=True, kw_only=True)
class Objective:
    """What the calls of a load must meet, beside losing nothing.

    `final_ms`: p95 of the time from the audio that decided an endpoint to its final. `partial_ms`:
    p95 of the time by which partials are behind their newest audio. `wer_points`: percentage points
    of word errors more than with few calls.
    """

    final_ms: float = 500.0
    partial_ms: float = 1000.0
    wer_points: float = 2.0

    def __str__(self) -> str:
        return (
            f"p95 of finals at most {self.final_ms:g} ms after their endpoint, of partials at most"
            f" {self.partial_ms:g} ms behind their audio, word errors at most {self.wer_points:g}"
            " points above those with few calls, nothing lost"
        )


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a load measured; None where nothing was.

    `final_ms` and `partial_ms` are of the time once all calls had begun. All others are of the ramp
    too. `wer` is a share of `words`, the number of words that were spoken whole. `lost`: failed and
    silent calls, and utterances without a final.
    """

    most_up: int
    refused: int
    lost: int
    gap_s: float
    final_ms: float | None
    partial_ms: float | None
    words: int
    wer: float | None
    reasons: Sequence[str] = ()
    """Why calls were refused or failed."""


@dataclass(frozen=True)
class Breach:
    """A part of the objective that was not met; `ratio` is the value over its limit."""

    text: str
    ratio: float


def measured(
    report: Mapping[str, Any], *, final_ms: float | None, partial_ms: float | None
) -> Measured:
    """Return what a report of the load tester says; the percentiles are those of the full load."""
    calls, results, words = report["calls"], report["results"], report["words"]
    return Measured(
        most_up=calls["most_up"],
        refused=calls["refused"],
        lost=calls["failed"] + calls["silent"] + results["lost_utterances"],
        gap_s=results["gap_s"],
        final_ms=final_ms,
        partial_ms=partial_ms,
        words=words["reference"],
        wer=words["wer"],
        reasons=(*calls["refusals"], *calls["failures"]),
    )


def breaches(objective: Objective, found: Measured, base_wer: float | None) -> list[Breach]:
    """Return what a load broke, empty where the objective holds.

    `base_wer` is the share of word errors with few calls, None if it is not known yet. A refusal is
    no breach by itself.
    """
    broken = []
    if found.final_ms is None:
        broken.append(Breach("no final came", inf))
    for name, value, limit in (
        ("finals", found.final_ms, objective.final_ms),
        ("partials", found.partial_ms, objective.partial_ms),
    ):
        if value is not None and value > limit:
            broken.append(Breach(f"p95 of {name} {value:.0f} ms", value / limit))
    if found.wer is not None and base_wer is not None:
        limit = allowed_wer(objective, base_wer, found.words)
        if found.wer > limit:
            text = f"{100 * found.wer:.1f} % word errors instead of {100 * base_wer:.1f}"
            broken.append(Breach(text, found.wer / limit))
    if found.lost:
        broken.append(Breach(f"{found.lost} calls or finals lost", inf))
    if found.gap_s:
        broken.append(Breach(f"{found.gap_s:g} s of audio lost", inf))
    return broken


def allowed_wer(objective: Objective, base_wer: float, words: int) -> float:
    """Return the share of word errors that is still allowed among `words` words."""
    chance = sqrt(base_wer * (1 - min(1.0, base_wer)) / max(1, words))
    return base_wer + objective.wer_points / 100 + _CHANCE * chance
