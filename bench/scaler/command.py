"""The scaler's rule over ramps and days, with the values of deploy/kubernetes.

    python -m bench scaler [--write] [--record FILE]

Calls arrive and last at random, from seeds, or begin and end as recorded; a pod carries calls
`start_s` after it is asked for. Simulated metrics are one scrape old. Recorded ones are what a real
Prometheus gave for KEDA's queries. `--write` puts the table and the plot where docs/kubernetes.md
shows them. `--record` makes a recording, in half an hour on two cores: 60 calls that become 180
within ten minutes and fewer again. It needs Debian's package prometheus.
"""

import argparse
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from operator import add
from pathlib import Path

import uvloop

from bench.scaler import live, recording
from bench.scaler.load import Load, day, ramp
from bench.scaler.picture import svg
from bench.scaler.simulation import Outcome, Rule, Traffic, run
from bench.scaler.sites import CALLS, RECORDED, pools
from bench.scaler.traffic import Chance, Replay

_DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = _DOCS / "kubernetes.md"
PLOT = _DOCS / "plots" / "scaler.svg"
RECORDING = _DOCS / "measurements" / "scaler.json"
SEEDS = {"ramp": range(1, 5), "day": range(1, 2)}
"""A ramp is short and so is run several times, a day once."""

SHIPPED = Rule("as shipped")
_NO_BUFFER = Rule("without the buffer", buffered=False)
_NO_WINDOW = Rule("without the window", down_window_s=0)
_STAYING = Rule("no client resumes, drain 3600 s", resuming=False)
_SHORT_DRAIN = Rule("no client resumes, drain 30 s", resuming=False, drain_s=30)


@dataclass(frozen=True)
class Row:
    """One simulation; the load is `ramp`, `day`, or `recorded`."""

    site: str
    load: str
    rule: Rule


ROWS = (
    Row("large", "ramp", SHIPPED),
    Row("large", "ramp", _NO_BUFFER),
    Row("large", "ramp", _STAYING),
    Row("large", "ramp", _SHORT_DRAIN),
    Row("large", "day", SHIPPED),
    Row("large", "day", _NO_WINDOW),
    Row("gpu", "ramp", SHIPPED),
    Row("gpu", "ramp", _NO_BUFFER),
    Row(RECORDED, "recorded", SHIPPED),
    Row(RECORDED, "recorded", _NO_BUFFER),
)


def load_of(row: Row) -> Load:
    """Return the calls of a row: three times as many within ten minutes, or a day."""
    low, high = CALLS[row.site]
    return day(high) if row.load == "day" else ramp(low, high)


def traffic_of(row: Row) -> list[Traffic]:
    """Return what a row simulates, each by itself."""
    if row.load == "recorded":
        return [Replay(recording.read(RECORDING))]
    return [Chance(load_of(row), seed) for seed in SEEDS[row.load]]


@cache
def outcome(row: Row) -> Outcome:
    """Simulate a row, all its seeds; the trace is that of the first."""
    site, scrape_s = pools(row.site)
    return reduce(add, (run(each, site, row.rule, scrape_s) for each in traffic_of(row)))


def table() -> str:
    """Return the Markdown table of all rows."""
    lines = [
        "| load | rule | calls | refused | cut off | gateway, VAD, ASR pods | up soon after down |"
    ]
    lines.append("|---|---|---|---|---|---|---|")
    lines += [f"| {_said(row)} | {row.rule.name} | {' | '.join(_cells(row))} |" for row in ROWS]
    return "\n".join(lines)


def _said(row: Row) -> str:
    low, high = CALLS[row.site]
    if row.load == "recorded":
        return f"recorded: {low} to {high} in 10 min"
    load = f"{low} to {high} in 10 min" if row.load == "ramp" else f"a day, up to {high}"
    return f"`{row.site}`: {load}"


def _cells(row: Row) -> Iterator[str]:
    found = outcome(row)
    yield _number(found.calls)
    yield _number(found.refused)
    yield _number(found.cut)
    yield ", ".join(f"{least}–{most}" for least, most in found.pods.values())
    yield _number(found.reversals)


def _number(value: int) -> str:
    return f"{value:,}".replace(",", " ")


def picture() -> str:
    """Return the plot: calls, and the calls for which each pool has ready pods."""
    panels = []
    for row, title in (
        (ROWS[0], "300 to 900 calls in ten minutes"),
        (ROWS[4], "a day with up to 900 calls"),
        (ROWS[8], "recorded: 60 to 180 calls in ten minutes"),
    ):
        site, _ = pools(row.site)
        trace = outcome(row).trace
        lines = {"calls": [(second / 3600, float(calls)) for second, calls, _ in trace]}
        for pool in site:
            each = pool.capacity / pool.per_call
            lines[f"room in {pool.name}"] = [
                (second / 3600, pods[pool.name] * each) for second, _, pods in trace
            ]
        panels.append((title, lines))
    return svg(panels)


def written(page: str) -> str:
    """Return the document with the table of today's rule."""
    text, found = re.subn(
        r"(<!-- scaler -->\n).*?(\n<!-- /scaler -->)",
        lambda place: f"{place[1]}{table()}{place[2]}",
        page,
        flags=re.DOTALL,
    )
    assert found == 1, "no place for the table"
    return text


def main(argv: Sequence[str]) -> int:
    """Print the table, or write it; 1 if the shipped rule refused a call or flapped."""
    parser = argparse.ArgumentParser(
        prog="python -m bench scaler",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--write", action="store_true", help="into docs")
    parser.add_argument("--record", type=Path, metavar="FILE", help="record calls, and end")
    options = parser.parse_args(argv)
    if options.record is not None:
        return _record(options.record)
    if options.write:
        PAGE.write_text(written(PAGE.read_text()))
        PLOT.write_text(picture())
    print(table())
    shipped = [outcome(row) for row in ROWS if row.rule is SHIPPED]
    return int(any(each.refused or each.cut or each.reversals for each in shipped))


def _record(path: Path) -> int:
    if shutil.which("prometheus") is None:
        print("there is no Prometheus: install Debian's package prometheus", file=sys.stderr)
        return 2
    _, scrape_s = pools(RECORDED)
    made = uvloop.run(live.record(live.LOAD, RECORDED, scrape_s=scrape_s))
    made.write(path)
    print(f"{len(made.calls)} calls, at most {made.peak} at a time, {made.seconds} s")
    return 0
