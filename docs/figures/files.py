"""The table of files of all kinds, as every way hears them."""

from collections.abc import Mapping
from typing import Any

from docs.figures.writing import read, recorded, table, wrapped

_ALL = 4


def files() -> str:
    """Return the table, with how many files are heard alike."""
    rows = read("files")["figures"]
    alike = sum(not row["differences"] for row in rows)
    head = wrapped(
        f"Equal texts, times and remarks on every way: {alike} of {len(rows)}. A way is left out"
        " that cannot carry the file."
    )
    columns = ("file", "ways", "utterances, s", "told")
    cells = [[_file(row), _ways(row), _spoken(row), _told(row)] for row in rows]
    return recorded("files", f"{head}\n\n{table(columns, cells)}")


def _file(row: Mapping[str, Any]) -> str:
    return str(row["file"]) + (", kept apart" if row["apart"] else "")


def _ways(row: Mapping[str, Any]) -> str:
    if row["differences"]:
        return f"differ: {', '.join(row['differences'])}"
    return "all" if len(row["ways"]) == _ALL else ", ".join(row["ways"])


def _spoken(row: Mapping[str, Any]) -> str:
    if row["refused"]:
        return "no audio"
    parts = [
        f"{f'{channel}: ' if row['apart'] else ''}{start:.2f}–{end:.2f}"
        for channel, start, end, _ in row["finals"]
    ]
    return ", ".join(parts)


def _told(row: Mapping[str, Any]) -> str:
    return str(row["told"])
