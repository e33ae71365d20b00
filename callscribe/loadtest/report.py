"""The result of a load: figures for programs, and a table for people."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import ceil
from typing import Any

from callscribe.client.latency import MEASURES, percentile
from callscribe.loadtest.scoring import Words
from callscribe.loadtest.tally import Tally

MOST_LATE_S = 0.1
"""If this side is later than this, the latencies say more about it than about the server."""

_PERCENTS = (50, 95, 99)


def figures(tally: Tally, words: Words, *, seconds: float, cpu_s: float) -> dict[str, Any]:
    """Return everything that was measured; durations in seconds, `cpu_s` of this process."""
    return {
        "complete": tally.complete,
        "seconds": round(seconds, 2),
        "calls": {
            "opened": tally.accepted,
            "finished": tally.finished,
            "failed": tally.all_failed,
            "refused": tally.refused,
            "silent": tally.silent,
            "most_up": round(max(tally.ups.values, default=0)),
            "audio_s": round(tally.sent_s, 1),
            "failures": dict(tally.failures.most_common()),
            "refusals": dict(tally.refusals.most_common()),
            "failed_calls": [asdict(failure) for failure in tally.failed],
        },
        "latency_s": {
            "opening": _distribution(tally.opening.values),
            "refusal": _distribution(tally.refusing.values),
            **{name: _distribution(series.values) for name, series in tally.latencies.items()},
        },
        "results": {
            "partials": len(tally.partials.times),
            "finals": len(tally.finals.times),
            "lost_utterances": tally.lost_utterances,
            "gap_s": round(tally.gap_s, 3),
            "worst_lag_s": round(tally.worst_lag_s, 2),
        },
        "words": {**asdict(words), "wer": _rate(words)},
        "client": {
            "worst_lateness_s": round(tally.worst_lateness, 4),
            "worst_held_s": round(tally.worst_held, 4),
            "cpu_s": round(cpu_s, 2),
            "cpu_ms_per_call_second": round(1000 * cpu_s / max(1.0, tally.sent_s), 3),
        },
        "timeline": _timeline(tally, seconds),
    }


def table(report: Mapping[str, Any]) -> str:
    """Return the figures as text."""
    lines = [*_calls(report), *_results(report), "", *_latencies(report["latency_s"])]
    late, held = report["client"]["worst_lateness_s"], report["client"]["worst_held_s"]
    cpu = report["client"]["cpu_ms_per_call_second"]
    lines += [
        "",
        f"this side  up to {1000 * late:.0f} ms late, {cpu:.2f} ms of CPU per call-second",
    ]
    if held > MOST_LATE_S:
        lines.append(f"           the server did not read: audio waited up to {held:.1f} s for it")
    if late > MOST_LATE_S:
        lines.append(
            f"           MORE THAN {1000 * MOST_LATE_S:.0f} ms LATE: this machine is too busy, the"
            " latencies say more about it than about the server"
        )
    return "\n".join(lines)


def _calls(report: Mapping[str, Any]) -> list[str]:
    calls, latency = report["calls"], report["latency_s"]
    lines = [
        f"calls      {calls['opened']} opened{_took(latency['opening'])}, {calls['finished']}"
        f" finished, {calls['failed']} failed; at most {calls['most_up']} up at a time",
        f"refused    {calls['refused']}{_took(latency['refusal'])}",
    ]
    lines += [f"           {count} x {reason}" for reason, count in calls["refusals"].items()]
    lines += [f"failed     {count} x {reason}" for reason, count in calls["failures"].items()]
    if calls["silent"]:
        lines.append(f"silent     {calls['silent']} calls without a word")
    return lines


def _results(report: Mapping[str, Any]) -> list[str]:
    results, words = report["results"], report["words"]
    lines = [
        f"results    {results['partials']} partials, {results['finals']} finals of"
        f" {report['calls']['audio_s']:.0f} s of calls",
        f"lost       {results['lost_utterances']} utterances, {results['gap_s']:g} s of audio",
    ]
    if results["worst_lag_s"]:
        lines.append(f"behind     recognition was up to {results['worst_lag_s']:.1f} s behind")
    if not words["reference"]:
        return [*lines, "words      no passage with a reference was spoken from end to end"]
    return [
        *lines,
        f"words      {100 * words['wer']:.1f} % errors of {words['reference']}: {words['wrong']}"
        f" wrong, {words['missing']} missing, {words['added']} added;"
        f" {words['lost_passages']} of {words['passages']} passages lost",
    ]


def _latencies(latency: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = [" p50 ms   p95 ms   p99 ms    count  latency"]
    for measure, meaning in MEASURES.items():
        values = latency[measure]
        if values["count"]:
            shown = "  ".join(f"{1000 * values[f'p{percent}']:7.0f}" for percent in _PERCENTS)
            lines.append(f"{shown}  {values['count']:7}  {meaning}")
    return lines


def _took(values: Mapping[str, Any]) -> str:
    if not values["count"]:
        return ""
    return f" in {1000 * values['p50']:.0f} ms (p95 {1000 * values['p95']:.0f})"


def _distribution(values: Sequence[float]) -> dict[str, Any]:
    found: dict[str, Any] = {"count": len(values)}
    if values:
        ordered = sorted(values)
        found |= {f"p{percent}": round(percentile(ordered, percent), 4) for percent in _PERCENTS}
        found["max"] = round(ordered[-1], 4)
    return found


def _rate(words: Words) -> float | None:
    return round(words.errors / words.reference, 4) if words.reference else None


def _timeline(tally: Tally, seconds: float) -> dict[str, list[float]]:
    """Return for each second the calls that were up at its end, and what arrived in it."""
    count = max(1, ceil(seconds))
    up = [0.0] * count
    for now, value in zip(tally.ups.times, tally.ups.values, strict=True):
        second = min(count - 1, int(now))
        up[second:] = [value] * (count - second)
    return {
        "up": up,
        "partials": _per_second(tally.partials.times, count),
        "finals": _per_second(tally.finals.times, count),
        "refusals": _per_second(tally.refusing.times, count),
    }


def _per_second(times: "array[float]", count: int) -> list[float]:
    arrived = [0.0] * count
    for now in times:
        arrived[min(count - 1, int(now))] += 1
    return arrived
