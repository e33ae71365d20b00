"""Traces as a picture: one bar per final on one axis, a colour for each part. Pure."""

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape, quoteattr

from callscribe.commands.event_lines import printable
from callscribe.commands.trace_timeline import Timeline
from common.pipeline.trace import PARTS

_COLOURS = {
    "speech": "#d9d9d9",
    "silence": "#b3b3b3",
    "store": "#1f77b4",
    "denoise": "#17becf",
    "hear": "#9467bd",
    "decide": "#e377c2",
    "queue": "#ff7f0e",
    "decode": "#2ca02c",
    "commit": "#bcbd22",
    "send": "#d62728",
}
_LEFT, _BAR, _RIGHT = 210, 700, 90
"""Pixels of the titles, of the longest bar, and of the totals."""
_ROW, _HEIGHT, _TOP = 26, 12, 40
_TICKS = 8
"""Most lines of the axis."""


def svg(timelines: Sequence[Timeline]) -> str:
    """Return an SVG document. Every bar has its length in ms as `data-ms`."""
    longest = max((each.total for each in timelines), default=0) or 1
    scale = _BAR / longest
    bottom = _TOP + _ROW * len(timelines)
    width, height = _LEFT + _BAR + _RIGHT, bottom + 40
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        *_axis(longest, scale, bottom),
    ]
    for row, each in enumerate(timelines):
        lines += _bars(each, scale, _TOP + _ROW * row)
    lines += _legend(timelines, bottom + 14)
    return "\n".join([*lines, "</svg>", ""])


def _axis(longest: int, scale: float, bottom: int) -> Iterator[str]:
    step = _step(longest)
    for at in range(0, longest + 1, step):
        x = f"{_LEFT + at * scale:.2f}"
        yield f'<line x1="{x}" y1="{_TOP - 8}" x2="{x}" y2="{bottom}" stroke="#e8e8e8"/>'
        yield f'<text x="{x}" y="{_TOP - 14}" text-anchor="middle">{at / 10:g}</text>'
    yield f'<text x="{_LEFT + _BAR + 10}" y="{_TOP - 14}">ms</text>'


def _step(longest: int) -> int:
    """Return the least of 1, 2, 5, 10 and so on that needs few enough lines."""
    power = 1
    while True:
        for factor in (1, 2, 5):
            if longest / (factor * power) <= _TICKS:
                return factor * power
        power *= 10


def _bars(timeline: Timeline, scale: float, top: int) -> Iterator[str]:
    title = f"{timeline.start:.2f} s  {printable(timeline.title)}"
    yield f'<text x="{_LEFT - 8}" y="{top + 10}" text-anchor="end">{escape(title)}</text>'
    for span in timeline.parts:
        yield _bar(span.part, span.begin, span.end, scale, top, _HEIGHT)
    if timeline.early:
        begin, end = timeline.early
        yield _bar("decode", begin, end, scale, top + _HEIGHT + 2, 4, "tentative decode")
    x = _LEFT + timeline.total * scale + 6
    yield f'<text x="{x:.2f}" y="{top + 10}" fill="#555">{timeline.total / 10:.1f}</text>'


def _bar(
    part: str, begin: int, end: int, scale: float, top: int, height: int, name: str = ""
) -> str:
    length = (end - begin) / 10
    said = f"{name or part}: {length:.1f} ms"
    measure = f'data-part={quoteattr(part)} data-ms="{length:.1f}"' if not name else ""
    return (
        f'<rect x="{_LEFT + begin * scale:.2f}" y="{top}" width="{(end - begin) * scale:.2f}" '
        f'height="{height}" fill="{_COLOURS[part]}" {measure}><title>{said}</title></rect>'
    )


def _legend(timelines: Sequence[Timeline], top: int) -> Iterator[str]:
    known = {span.part for each in timelines for span in each.parts}
    x = _LEFT
    for part in PARTS.values():
        if part in known:
            yield f'<rect x="{x}" y="{top}" width="10" height="10" fill="{_COLOURS[part]}"/>'
            yield f'<text x="{x + 14}" y="{top + 9}">{part}</text>'
            x += 70
