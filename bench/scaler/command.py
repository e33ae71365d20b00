"""The scaler's rule over simulated ramps and days, with the values of deploy/kubernetes.

    python -m bench scaler [--write]

Calls arrive and last at random, from seeds; a pod carries calls `start_s` after it is asked for;
metrics are one scrape old. `--write` puts the table and the plot where docs/kubernetes.md shows
them.
"""

import argparse
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from operator import add
from pathlib import Path

from bench.scaler.load import Load, day, ramp
from bench.scaler.picture import svg
from bench.scaler.simulation import Outcome, Pool, Rule, run
from deploy.kubernetes import scaling
from deploy.kubernetes.processes import set_or_default
from deploy.kubernetes.values import read

_ROOT = Path(__file__).resolve().parents[2]
VALUES = _ROOT / "deploy" / "kubernetes" / "sites"
PAGE = _ROOT / "docs" / "kubernetes.md"
PLOT = _ROOT / "docs" / "plots" / "scaler.svg"
SEEDS = {"ramp": range(1, 5), "day": range(1, 2)}
"""A ramp is short and so is run several times, a day once."""

SHIPPED = Rule("as shipped")
_NO_BUFFER = Rule("without the buffer", buffered=False)
_NO_WINDOW = Rule("without the window", down_window_s=0)
_STAYING = Rule("no client resumes, drain 3600 s", resuming=False)
_SHORT_DRAIN = Rule("no client resumes, drain 30 s", resuming=False, drain_s=30)

_SITES = {"large": (300, 900), "gpu": (1000, 3000)}
"""The calls that the comments in these files of values promise: before and after the ramp."""
_BOUNDS = {"gateway": "max_sessions", "vad": "vad_slots"}
_RECOGNISED = {"large": 16, "gpu": 132}
"""Calls that a recogniser carries: on two cores as measured (docs/scaling.md), on a GPU as much as
the HPA's tolerance may put on it."""


@dataclass(frozen=True)
class Row:
    """One simulation."""

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
)


def pools(site: str) -> tuple[list[Pool], int]:
    """Return the pools of every call, gateways first, and the interval of the scrapes in s.

    A gateway and a VAD worker take what their settings allow.
    """
    values = read(tomllib.loads((VALUES / f"{site}.toml").read_text()))
    assert values.autoscaling is not None
    assert values.monitoring is not None
    found = []
    for name, service in values.services().items():
        if name in _BOUNDS:
            capacity = set_or_default(service, name, _BOUNDS[name])
        elif name == "asr":
            capacity = _RECOGNISED[site]
        else:
            continue
        found.append(
            Pool(
                name=name,
                per_pod=scaling.per_pod(values.autoscaling, service),
                capacity=capacity,
                least=service.replicas,
                most=service.max_replicas,
                start_s=service.start_s,
                buffer=scaling.buffer(values, values.autoscaling, name, service),
                per_call=values.autoscaling.legs_per_call if name in scaling.LEGS else 1,
            )
        )
    return found, values.monitoring.interval_s


def load_of(row: Row) -> Load:
    """Return the calls of a row: three times as many within ten minutes, or a day."""
    low, high = _SITES[row.site]
    return ramp(low, high) if row.load == "ramp" else day(high)


@cache
def outcome(row: Row) -> Outcome:
    """Simulate a row, all its seeds; the trace is that of the first."""
    site, scrape_s = pools(row.site)
    each = (run(load_of(row), site, row.rule, scrape_s, seed) for seed in SEEDS[row.load])
    return reduce(add, each)


def table() -> str:
    """Return the Markdown table of all rows."""
    lines = [
        "| load | rule | calls | refused | cut off | gateway, VAD, ASR pods | up soon after down |"
    ]
    lines.append("|---|---|---|---|---|---|---|")
    for row in ROWS:
        low, high = _SITES[row.site]
        load = f"{low} to {high} in 10 min" if row.load == "ramp" else f"a day, up to {high}"
        lines.append(f"| `{row.site}`: {load} | {row.rule.name} | {' | '.join(_cells(row))} |")
    return "\n".join(lines)


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
    if parser.parse_args(argv).write:
        PAGE.write_text(written(PAGE.read_text()))
        PLOT.write_text(picture())
    print(table())
    shipped = [outcome(row) for row in ROWS if row.rule is SHIPPED]
    return int(any(each.refused or each.cut or each.reversals for each in shipped))
