"""What calls took, and how late their results were. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from callscribe.client.latency import MEASURES, Latencies, percentile


@dataclass
class Spent:
    """What one call took."""

    audio: float
    """Seconds of audio."""
    latencies: Latencies = field(default_factory=Latencies)


def summary(calls: Sequence[Spent], seconds: float, *, paced: bool) -> dict[str, Any]:
    """Return the figures of calls that took `seconds` by the clock; durations in seconds.

    Latencies of audio that was sent faster than it was spoken (not `paced`) are left out: they
    would only show the backlog.
    """
    figures: dict[str, Any] = {
        "calls": len(calls),
        "audio_seconds": round(sum(each.audio for each in calls), 2),
        "seconds": round(seconds, 2),
    }
    if paced:
        pooled = {m: [v for each in calls for v in each.latencies.samples[m]] for m in MEASURES}
        figures["latency"] = {
            measure: {
                "count": len(samples),
                "p50": round(percentile(samples, 50), 4),
                "p95": round(percentile(samples, 95), 4),
            }
            for measure, samples in pooled.items()
            if samples
        }
    return figures


def summary_text(figures: Mapping[str, Any]) -> str:
    """Return the figures for people."""
    audio, seconds = figures["audio_seconds"], figures["seconds"]
    lines = [f"{audio:.1f} s of audio in {seconds:.1f} s"]
    if figures.get("latency"):
        lines.append("  p50 ms   p95 ms  count  latency")
    for measure, each in figures.get("latency", {}).items():
        p50, p95 = each["p50"] * 1000, each["p95"] * 1000
        lines.append(f"{p50:8.0f} {p95:8.0f} {each['count']:6}  {MEASURES[measure]}")
    return "\n".join(lines)
