"""A picture of a proof: latencies by the number of calls, and those at the figure and beyond."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from callscribe.prove.objective import Objective
from callscribe.prove.proof import Judged, Outcome
from callscribe.prove.report import of_phase

_FINALS, _PARTIALS = "#d55e00", "#0072b2"
"""From Okabe and Ito's palette for colour-blind readers."""
_STYLES = ("-", "--", ":", "-.")


def draw(outcome: Outcome, objective: Objective, title: str, file: Path) -> None:
    """Write the picture in the format that the file's name ends in."""
    figure = Figure(figsize=(9, 8), layout="constrained")
    figure.suptitle(title, fontsize=10)
    by_calls, at_figure = figure.subplots(2, 1, height_ratios=(3, 2))
    for number in range(len(outcome.limits)):
        trials = of_phase(outcome.judged, f"run {number + 1}")
        _draw_run(by_calls, trials, f"run {number + 1}", _STYLES[number % len(_STYLES)])
    by_calls.axhline(objective.final_ms, color=_FINALS, linewidth=0.8)
    by_calls.axhline(objective.partial_ms, color=_PARTIALS, linewidth=0.8)
    if outcome.figure:
        label = f"the figure, {outcome.figure}"
        by_calls.axvline(outcome.figure, color="#009e73", label=label)
    by_calls.set(xlabel="calls", ylabel="p95 in ms", yscale="log")
    by_calls.set_title("the search; crosses: the objective broke; lines across: it", fontsize=10)
    for phase in ("figure", "surplus"):
        for each in of_phase(outcome.judged, phase)[-1:]:
            _draw_spread(at_figure, each)
    at_figure.axvline(objective.final_ms, color="grey", linewidth=0.8)
    at_figure.set(xlabel="ms from the endpoint to the final", ylabel="share", xscale="log")
    at_figure.set_title("the proof", fontsize=10)
    for axes in (by_calls, at_figure):
        axes.grid(alpha=0.3, which="both")
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=8)
    figure.savefig(file, dpi=110)


def _draw_run(axes: Axes, trials: list[Judged], name: str, style: str) -> None:
    for measure, colour in (("final", _FINALS), ("partial", _PARTIALS)):
        points = [
            (each.trial.calls, max(1.0, value), each.held)
            for each in trials
            if (value := getattr(each.trial.measured, f"{measure}_ms")) is not None
        ]
        calls, values = [p[0] for p in points], [p[1] for p in points]
        axes.plot(calls, values, f"o{style}", color=colour, label=f"{name}, {measure}s", ms=4)
        broken = [p for p in points if not p[2]]
        axes.plot([p[0] for p in broken], [p[1] for p in broken], "x", color="black", ms=8)


def _draw_spread(axes: Axes, judged: Judged) -> None:
    values = np.maximum(1, np.sort(np.array(judged.trial.samples_ms["endpoint_to_final"])))
    if len(values):
        shares = np.arange(1, len(values) + 1) / len(values)
        label = f"{judged.trial.calls} calls asked ({len(values)})"
        axes.step(values, shares, where="post", label=label)
