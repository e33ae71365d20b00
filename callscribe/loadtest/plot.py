"""A picture of a load: latencies over time, how they are distributed, and the calls."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from callscribe.loadtest.tally import Series, Tally

_COLOURS: Mapping[str, str] = {
    "first_partial": "#0072b2",
    "partial_lag": "#56b4e9",
    "endpoint_to_final": "#d55e00",
    "finalisation": "#e69f00",
}
"""From Okabe and Ito's palette for colour-blind readers."""
_MOST_SPANS = 60
"""Points of a line over time."""


def draw(tally: Tally, report: Mapping[str, Any], title: str, file: Path) -> None:
    """Write the picture in the format that the file's name ends in."""
    figure = Figure(figsize=(10, 11), layout="constrained")
    figure.suptitle(title, fontsize=11)
    over_time, spread, calls = figure.subplots(3, 1, height_ratios=(3, 3, 2))
    seconds = max(1.0, report["seconds"])
    for measure, colour in _COLOURS.items():
        series = tally.latencies[measure]
        if series.times:
            name = measure.replace("_", " ")
            _draw_over_time(over_time, series, seconds, name, colour)
            _draw_spread(spread, series, name, colour)
    over_time.set(ylabel="ms", xlim=(0, seconds), yscale="log")
    over_time.set_title("latency over time: p95 (dots: p50)", fontsize=10)
    spread.set(xlabel="ms", ylabel="share of samples up to it", ylim=(0, 1.01), xscale="log")
    spread.set_title("latency: distribution", fontsize=10)
    _draw_calls(calls, report["timeline"], seconds)
    for axis in (over_time.yaxis, spread.xaxis):
        axis.set_major_formatter("{x:g}")
    for axes in (over_time, spread, calls):
        axes.grid(alpha=0.3, which="both")
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=8)
    figure.savefig(file, dpi=110)


def _draw_over_time(axes: Axes, series: Series, seconds: float, name: str, colour: str) -> None:
    times, values = _milliseconds(series)
    width = max(1.0, seconds / _MOST_SPANS)
    spans = (times / width).astype(int)
    found = np.unique(spans)
    middles = (found + 0.5) * width
    for percent, style in ((95, "-"), (50, ":")):
        levels = [np.percentile(values[spans == span], percent) for span in found]
        label = name if percent == 95 else None
        axes.plot(middles, levels, style, color=colour, label=label, linewidth=1.3)


def _draw_spread(axes: Axes, series: Series, name: str, colour: str) -> None:
    _, values = _milliseconds(series)
    values.sort()
    shares = np.arange(1, len(values) + 1) / len(values)
    axes.step(values, shares, where="post", color=colour, label=f"{name} ({len(values)})")


def _milliseconds(
    series: Series,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return times in s and values in ms; all above zero for the logarithmic axis."""
    return np.array(series.times), np.maximum(0.1, 1000 * np.array(series.values))


def _draw_calls(axes: Axes, timeline: Mapping[str, list[float]], seconds: float) -> None:
    axes.step(range(len(timeline["up"])), timeline["up"], where="post", label="calls up")
    refusals = timeline["refusals"]
    if any(refusals):
        axes.bar(range(len(refusals)), refusals, color="#cc79a7", label="refused, per second")
    axes.set(xlabel="s", xlim=(0, seconds), ylim=(0, None))
