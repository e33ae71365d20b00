"""Traces for a terminal: a table, and bars on one axis. Pure."""

from collections.abc import Sequence

from callscribe.commands.event_lines import printable
from callscribe.commands.trace_timeline import Timeline
from common.pipeline.trace import PARTS

GLYPHS = {
    "speech": "~",
    "silence": ".",
    "store": "s",
    "denoise": "n",
    "hear": "h",
    "decide": "e",
    "queue": "q",
    "decode": "#",
    "commit": "c",
    "send": ">",
}
"""What a bar of several parts is drawn with."""
_LEAST = 20
"""Columns of a bar at least."""


def table(timelines: Sequence[Timeline]) -> str:
    """Return one line per final: its times in s, each part in ms, and the sums."""
    parts = _known(timelines)
    early = any(each.early and "decode" in parts for each in timelines)
    rows = [["start", "end", *parts, "delay", "total", ""]]
    rows += [
        [
            f"{each.start:.2f}",
            f"{each.end:.2f}",
            *(_cell(each, part) for part in parts),
            _ms(each.delay),
            _ms(each.total),
            printable(each.title),
        ]
        for each in timelines
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row[:-1], widths, strict=False))
        + (f"  {row[-1]}" if row[-1] else "")
        for row in rows
    ]
    if early:
        lines.append("(…) was decoded before the endpoint: no part of the sums.")
    return "\n".join(lines)


def waterfall(timeline: Timeline, width: int) -> str:
    """Return one bar per part, each behind the one before."""
    names = max((len(span.part) for span in timeline.parts), default=0)
    scale = _Scale(timeline.total, max(_LEAST, width - names - 14))
    lines = [f"0 ms: {timeline.zero}"]
    for span in timeline.parts:
        begin, end = scale.column(span.begin), scale.column(span.end)
        bar = " " * begin + ("█" * (end - begin) or "▏")
        lines.append(f"{span.part:{names}} {_ms(span.end - span.begin):>9}  {bar}")
        if span.part == "decode" and timeline.early:
            first, last = map(scale.column, timeline.early)
            length = timeline.early[1] - timeline.early[0]
            cell = f"({_ms(length)})"
            lines.append(f"{'':{names}} {cell:>9}  {' ' * first + ('░' * (last - first) or '▏')}")
    lines.append(f"{'total':{names}} {_ms(timeline.total):>9}")
    return "\n".join(lines)


def stacked(timelines: Sequence[Timeline], width: int) -> str:
    """Return one bar per final, all on one axis, its parts behind each other."""
    heads = [f"{each.start:9.2f}" for each in timelines]
    longest = max(each.total for each in timelines)
    scale = _Scale(longest, max(_LEAST, width - 22))
    lines = [f"{'':9}  0 ms{'':{max(0, scale.columns - 16)}}{_ms(longest):>9} ms"]
    for head, each in zip(heads, timelines, strict=True):
        bar = "".join(
            GLYPHS[span.part] * (scale.column(span.end) - scale.column(span.begin))
            for span in each.parts
        )
        lines.append(f"{head}  {bar} {_ms(each.total)}")
    return "\n".join(lines)


def legend(timelines: Sequence[Timeline]) -> str:
    """Return what the bars of several parts are drawn with."""
    return "  ".join(f"{GLYPHS[part]} {part}" for part in _known(timelines))


class _Scale:
    """From tenths of a millisecond to columns."""

    def __init__(self, longest: int, columns: int) -> None:
        self.columns = columns
        self._longest = max(1, longest)

    def column(self, at: int) -> int:
        return min(self.columns, round(at * self.columns / self._longest))


def _known(timelines: Sequence[Timeline]) -> list[str]:
    """Return the parts that any of these have, in order."""
    known = {span.part for each in timelines for span in each.parts}
    return [part for part in PARTS.values() if part in known]


def _cell(timeline: Timeline, part: str) -> str:
    if part == "decode" and timeline.early:
        return f"({_ms(timeline.early[1] - timeline.early[0])})"
    length = timeline.length(part)
    return "–" if length is None else _ms(length)


def _ms(tenths: int) -> str:
    return f"{tenths // 10}.{tenths % 10}"
