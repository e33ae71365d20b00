"""A terminal's recording as an animated SVG; pure.

It understands what `callscribe` writes to a terminal and no more: text, line ends, SGR colours, and
ECMA-48's CUU (up) and ED (clear below). A recording is asciicast v2: a header, then [s, "o", text].
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import groupby

_TOKEN = re.compile(r"\x1b\[(\?25[hl]|(\d*)([AJm]))|(\r?\n)|(\r)|([^\x1b\r\n]+)")
_STYLES = {"": "", "0": "", "2": "d", "31": "e", "36": "a", "33": "b"}

CELL, LINE, EDGE = 8.4, 19, 14
"""Width of a character, height of a row and the margin, in px."""

_STYLE = """
svg{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.f{fill:#15181d}
text{fill:#dfe3e8;white-space:pre}
.a{fill:#6fd3e0}.b{fill:#e8c268}.d{fill:#98a1ad}.e{fill:#ff8f87}
@keyframes come{from{visibility:hidden}to{visibility:visible}}
@keyframes stay{from{visibility:visible}to{visibility:visible}}
.t{visibility:hidden;animation:stay var(--d) linear var(--b)}
.k{animation:come 1ms linear var(--b) backwards}
@media (prefers-reduced-motion:reduce){.t,.k{animation:none}}
"""

Cell = tuple[str, str]
"""A character and its style."""
Row = tuple[Cell, ...]


@dataclass(frozen=True)
class Recording:
    """What a terminal of this size was sent, each part with its time in seconds."""

    width: int
    height: int
    parts: Sequence[tuple[float, str]]


def read(cast: str) -> Recording:
    """Read asciicast v2; ValueError if it is another version."""
    head, *lines = cast.splitlines()
    header = json.loads(head)
    if header["version"] != 2:
        raise ValueError(f"asciicast version {header['version']} is not 2")
    events = [json.loads(line) for line in lines]
    parts = [(time, text) for time, kind, text in events if kind == "o"]
    return Recording(header["width"], header["height"], parts)


def written(recording: Recording) -> str:
    """Return a recording as asciicast v2."""
    header = {"version": 2, "width": recording.width, "height": recording.height}
    lines = [header, *([round(time, 3), "o", text] for time, text in recording.parts)]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


@dataclass
class Screen:
    """The rows that a terminal of this width shows; it is as high as what was written."""

    width: int
    rows: list[list[Cell]] = field(default_factory=lambda: [[]])
    line: int = 0
    style: str = ""

    def write(self, text: str) -> None:
        """Write text; ValueError for a sequence that this terminal does not know."""
        end = 0
        for token in _TOKEN.finditer(text):
            if token.start() != end:
                break
            end = token.end()
            self._apply(token)
        if end != len(text):
            raise ValueError(f"an unknown sequence: {text[end : end + 12]!r}")

    def _apply(self, token: re.Match[str]) -> None:
        _, number, command, newline, _, characters = token.groups()
        if characters is not None:
            for each in characters:
                if len(self.rows[self.line]) == self.width:
                    self._next_line()
                self.rows[self.line].append((each, self.style))
        elif newline is not None:
            self._next_line()
        elif command == "A":
            self.line = max(0, self.line - int(number or 1))
        elif command == "J":
            self.rows[self.line :] = [[]]
        elif command == "m":
            if number not in _STYLES:
                raise ValueError(f"an unknown sequence: {token[0]!r}")
            self.style = _STYLES[number]

    def _next_line(self) -> None:
        self.line += 1
        if self.line == len(self.rows):
            self.rows.append([])


@dataclass
class Shown:
    """A row of the picture, and from when to when it is there; `until` None: to the end."""

    number: int
    row: Row
    since: float
    until: float | None = None


def lives(recording: Recording) -> list[Shown]:
    """Return every row that ever was, with the time that it was there."""
    screen, found = Screen(recording.width), list[Shown]()
    current: dict[int, Shown] = {}
    for time, text in recording.parts:
        screen.write(text)
        rows = {number: tuple(row) for number, row in enumerate(screen.rows) if row}
        for number in [*current]:
            if rows.get(number) != current[number].row:
                current.pop(number).until = time
        for number in rows.keys() - current.keys():
            current[number] = Shown(number, rows[number], time)
            found.append(current[number])
    return sorted(
        (each for each in found if each.until is None or each.until - each.since >= 0.01),
        key=lambda each: (each.since, each.number),
    )


def svg(recording: Recording, title: str) -> str:
    """Return the picture; `title` says what it shows, for those who cannot see it.

    It plays once. Without animation, or for readers who want less motion, it is the last screen.
    """
    shown = lives(recording)
    rows = max(each.number for each in shown) + 1
    width, height = round(recording.width * CELL + 2 * EDGE), rows * LINE + 2 * EDGE
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect class="f" width="{width}" height="{height}" rx="8"/>',
        *map(_text, shown),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _text(shown: Shown) -> str:
    y = round(EDGE + shown.number * LINE + 0.72 * LINE)
    timing = f"--b:{shown.since:.2f}s"
    if shown.until is not None:
        timing += f";--d:{shown.until - shown.since:.2f}s"
    kind = "k" if shown.until is None else "t"
    runs = "".join(_runs(shown.row))
    return f'<text class="{kind}" y="{y}" style="{timing}">{runs}</text>'


def _runs(row: Row) -> Iterator[str]:
    """Yield a row's stretches of one style, each as wide as its characters are in a terminal."""
    column = 0
    for style, cells in groupby(row, key=lambda cell: cell[1]):
        text = _joined(cells)
        if text.strip():
            x, width = round(EDGE + column * CELL, 1), round(len(text) * CELL, 1)
            name = f' class="{style}"' if style else ""
            yield f'<tspan{name} x="{x:g}" textLength="{width:g}">{escape(text)}</tspan>'
        column += len(text)


def _joined(cells: Iterable[Cell]) -> str:
    return "".join(character for character, _ in cells)
