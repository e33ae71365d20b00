"""How a measurement is read, and written into a document."""

import json
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent.parent
MEASUREMENTS = DOCS / "measurements"


def read(name: str) -> dict[str, Any]:
    """Return one file: `date`, `machine` and `figures`, as `bench.record` writes them."""
    report: dict[str, Any] = json.loads((MEASUREMENTS / f"{name}.json").read_text(encoding="utf-8"))
    return report


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    head, *body = [
        f"|{'|'.join(f' {cell} ' if cell else ' ' for cell in line)}|" for line in (columns, *rows)
    ]
    return "\n".join([head, f"|{'---|' * len(columns)}", *body])


def recorded(name: str, text: str) -> str:
    """Return a text with when and where its figures were measured."""
    report = read(name)
    return f"{text}\n\nMeasured on {report['date']}; {report['machine']}."


def wrapped(text: str) -> str:
    """Return a paragraph, wrapped as all Markdown is."""
    return textwrap.fill(text, 100, break_on_hyphens=False)


def number(value: float) -> str:
    """Return a rounded number, its thousands apart."""
    return f"{value:,.0f}".replace(",", " ")


def pair(values: Any, first: str | int, second: str | int) -> str:
    """Return two values of a row."""
    return f"{number(values[first])} / {number(values[second])}"
