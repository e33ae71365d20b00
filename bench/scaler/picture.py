"""Lines over hours as SVG, the same bytes for the same numbers."""

from collections.abc import Mapping, Sequence
from math import ceil, log10
from typing import TypeAlias

Lines: TypeAlias = Mapping[str, Sequence[tuple[float, float]]]
"""Points by the name of a line: hours, and a number."""

_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 760, 230, 52, 34, 66
_COLOURS = ("#1f2937", "#2563eb", "#d97706", "#059669", "#dc2626")


def svg(panels: Sequence[tuple[str, Lines]]) -> str:
    """Return one panel below the other, each with its own scales, on white."""
    height = len(panels) * (_HEIGHT + _GAP) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"'
        f' font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
    ]
    for number, (title, lines) in enumerate(panels):
        parts.append(f'<g transform="translate({_LEFT} {_TOP + number * (_HEIGHT + _GAP)})">')
        parts += _panel(title, lines)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(title: str, lines: Lines) -> list[str]:
    width, points = _WIDTH - _LEFT - 16, [each for line in lines.values() for each in line]
    hours, top = max(x for x, _ in points), max(y for _, y in points)
    across, up = _step(hours), _step(top)
    most = up * ceil(top / up)
    parts = [f'<text x="0" y="-20" font-weight="bold">{title}</text>']
    for number in range(round(most / up) + 1):
        y = _HEIGHT - number * up / most * _HEIGHT
        parts.append(f'<path d="M0 {y:.1f}H{width}" stroke="#e5e7eb"/>')
        parts.append(f'<text x="-6" y="{y + 4:.1f}" text-anchor="end">{number * up:g}</text>')
    for number in range(int(hours / across) + 1):
        x = number * across / hours * width
        label = f"{number * across:g} h"
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT + 16}" text-anchor="middle">{label}</text>')
    for index, (name, line) in enumerate(lines.items()):
        colour = _COLOURS[index]
        path = "L".join(
            f"{x / hours * width:.1f} {_HEIGHT - y / most * _HEIGHT:.1f}" for x, y in _thinned(line)
        )
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        parts.append(f'<text x="{width - 400 + index * 105}" y="-20" fill="{colour}">{name}</text>')
    return parts


def _thinned(line: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """Return at most about 500 points, the last one included."""
    every = max(1, len(line) // 400)
    return [*line[:-1:every], line[-1]]


def _step(most: float) -> float:
    """Return a round distance that divides `most` into three to eight parts."""
    size: float = 10 ** int(log10(most) // 1)
    return next(size * each for each in (0.1, 0.2, 0.5, 1, 2) if most / (size * each) <= 8)
