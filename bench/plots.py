"""The plots of what the benchmarks measured: one PNG per question."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from bench import record
from bench.table import PROCESSES

_SIZE = (8.0, 4.2)


def draw(folder: Path, out: Path) -> list[Path]:
    """Draw into `out` every plot whose figures are in `folder`; return the files made."""
    made = []
    for name, (sources, drawing) in _PLOTS.items():
        figures = {source: _read(folder / f"{source}.json") for source in sources}
        if all(figures.values()):
            made.append(_save(out / f"{name}.png", drawing, figures))
    return made


def _read(path: Path) -> Any:
    return record.read(path) if path.is_file() else None


def _save(path: Path, drawing: Callable[[Axes, Any], None], figures: Mapping[str, Any]) -> Path:
    figure, axes = plt.subplots(figsize=_SIZE, layout="constrained")
    drawing(axes, figures)
    axes.grid(axis="y", alpha=0.3)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def _bus_cost(axes: Axes, figures: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """CPU per session-second by process, as calls grow: it must not rise."""
    for source, line in (("bus", "-"), ("bus-talk", "--")):
        rows = figures[source]
        for number, process in enumerate(PROCESSES[:-1]):
            costs = [row["cpu"][process] for row in rows]
            label = f"{process}, {'utterance a second' if line == '-' else 'as people talk'}"
            sizes = [row["sessions"] for row in rows]
            axes.plot(sizes, costs, f"o{line}", color=f"C{number}", label=label)
    axes.set(xlabel="calls", ylabel="ms of CPU per session-second", ylim=(0, None))
    axes.legend(fontsize=7, ncols=2)


def _bus_latency(axes: Axes, figures: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Latency through the whole chain as calls grow."""
    rows = figures["bus-talk"]
    sizes = [row["sessions"] for row in rows]
    for number, (key, label) in enumerate((("v", "speech event"), ("r", "result"))):
        for index, (line, percent) in enumerate((("-", 50), ("--", 99))):
            values = [row[key][index] for row in rows]
            axes.plot(sizes, values, f"o{line}", color=f"C{number}", label=f"{label}, p{percent}")
    axes.set(xlabel="calls", ylabel="ms after the frame was sent", yscale="log")
    axes.legend(fontsize=8)


def _workers(axes: Axes, figures: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """CPU per session-second with one, two and three processes of each kind."""
    bottom = [0.0] * len(figures)
    names = [str(rows[0]["workers"]) for rows in figures.values()]
    for process in PROCESSES[:-1]:
        costs = [rows[0]["cpu"][process] for rows in figures.values()]
        axes.bar(names, costs, bottom=bottom, label=process)
        bottom = [a + b for a, b in zip(bottom, costs, strict=True)]
    axes.set(xlabel="processes of each kind", ylabel="ms of CPU per session-second")
    axes.legend()


def _vad(axes: Axes, figures: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Cost of a frame by how many legs share a batch."""
    rows = figures["vad"]
    for way in dict.fromkeys(row["way"] for row in rows):
        own = [row for row in rows if row["way"] == way]
        batches = [row["batch"] for row in own]
        costs = [row["microseconds"] for row in own]
        axes.plot(batches, costs, "o-", label=way)
    axes.axhline(32, color="grey", linestyle=":", label="1 000 legs per core")
    axes.set(xlabel="legs in a batch", ylabel="us of CPU per frame of 32 ms", xscale="log")
    axes.set_ylim(0, None)
    axes.legend()


def _denoise(axes: Axes, figures: Mapping[str, Mapping[str, Any]]) -> None:
    """Cost of a leg by how many share a batch, beside the official runtime's."""
    rows = figures["denoise"]["costs"]
    names = [f"{row['way']}, {row['batch']}" for row in rows]
    axes.barh(names[::-1], [row["milliseconds"] for row in rows][::-1])
    axes.set(xlabel="ms of CPU per second of audio and leg")


def _asr(axes: Axes, figures: Mapping[str, Mapping[str, Any]]) -> None:
    """What a final costs and how many words are wrong, by the way it is decoded."""
    for name, row in figures["asr"]["ways"].items():
        axes.plot(row["final_ms"], 100 * row["word_error_rate"], "o", label=name)
    axes.set(xlabel="ms of CPU per final", ylabel="% word errors", xlim=(0, None), ylim=(0, None))
    axes.legend(fontsize=7)


def _live(axes: Axes, figures: Mapping[str, Mapping[str, Any]]) -> None:
    """Latencies of live calls as they grow in number; p50 solid, p95 dashed."""
    runs = figures["live"]["runs"]
    calls = [run["calls"] for run in runs]
    for number, (name, label) in enumerate(_LATENCIES.items()):
        for line, percent in (("-", "p50"), ("--", "p95")):
            values = [run["latency_ms"][name][percent] for run in runs]
            shown = label if percent == "p50" else None
            axes.plot(calls, values, f"o{line}", color=f"C{number}", label=shown)
    axes.set(xlabel="calls on two cores", ylabel="ms", yscale="log", xticks=calls)
    axes.set_xticklabels([str(each) for each in calls])
    axes.legend(fontsize=8)


_LATENCIES = {
    "first_partial": "first partial, from where the utterance begins",
    "partial_lag": "partial, behind its audio",
    "endpoint_to_final": "final, from the endpoint",
    "finalisation": "final, from the end of speech",
}

_PLOTS: dict[str, tuple[Sequence[str], Callable[[Axes, Any], None]]] = {
    "bus-cost": (("bus", "bus-talk"), _bus_cost),
    "bus-latency": (("bus-talk",), _bus_latency),
    "bus-workers": (("bus-1", "bus-2", "bus-3"), _workers),
    "vad": (("vad",), _vad),
    "denoise": (("denoise",), _denoise),
    "asr": (("asr",), _asr),
    "live": (("live",), _live),
}
