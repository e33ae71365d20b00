"""All benchmarks one after the other: figures as JSON, plots as PNG.

    python -m bench all [--out DIR | --record] [--only NAME ...] [--short]

Each runs in a process of its own and prints its table; DIR (default: build/bench) gets
`<name>.json` and plots. With `--record` these go where the documents take them from,
docs/measurements and docs/plots; `python -m docs.figures` then writes the figures into the
documents. The short form is for CI: it fails when a benchmark is broken, never when it is slow.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench import plots

_DOCS = Path(__file__).resolve().parent.parent / "docs"


class Entry(NamedTuple):
    """A benchmark of the suite: its name here, what runs it, whether it is in the short form."""

    name: str
    command: Sequence[str]
    short: bool = False


ENTRIES = (
    Entry("vad", ("vad",), short=True),
    Entry("denoise", ("denoise",), short=True),
    Entry("asr", ("asr",), short=True),
    Entry("clauses", ("clauses",), short=True),
    Entry("context", ("context",)),
    Entry("level", ("level",), short=True),
    Entry(
        "noise",
        ("noise", "--line", "telephone prompts", "--way", "off", "denoise"),
        short=True,
    ),
    Entry("keyterms", ("keyterms",), short=True),
    Entry("screens", ("screens",), short=True),
    Entry("stable", ("stable",), short=True),
    Entry("calls", ("calls",)),
    Entry("bus", ("bus", "--sessions", "50", "200", "500"), short=True),
    Entry("bus-talk", ("bus", "--pattern", "talk", "--sessions", "50", "200", "500")),
    Entry("bus-100ms", ("bus", "--pattern", "talk", "--message-ms", "100", "--sessions", "500")),
    Entry(
        "bus-bare",
        ("bus", "--bare", "--pattern", "talk", "--sessions", *["50", "300"] * 3),
    ),
    Entry(
        "bus-redis",
        ("bus", "--pattern", "talk", "--redis", "none", "acl", "tls", "--sessions", *["50"] * 5),
    ),
    Entry("bus-clients", ("bus", "--clients"), short=True),
    Entry("bus-keys", ("bus", "--keys"), short=True),
    Entry("live", ("live",), short=True),
    Entry("distance", ("distance",), short=True),
    Entry("overload", ("overload",)),
    Entry("admission", ("admission", "--callers", "4", "8", "16", "28")),
    *(
        Entry(f"bus-{n}", ("bus", "--pattern", "talk", "--sessions", "300", "--workers", str(n)))
        for n in (1, 2, 3)
    ),
    Entry("startup", ("startup",), short=True),
)


def main(argv: Sequence[str]) -> int:
    """Run them; 1 when any of them failed."""
    parser = argparse.ArgumentParser(
        prog="python -m bench all",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--out", type=Path, default=Path("build/bench"), metavar="DIR")
    where.add_argument("--record", action="store_true", help="for the documents")
    parser.add_argument("--only", nargs="+", choices=[entry.name for entry in ENTRIES])
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args(argv)
    figures, drawings = options.out, options.out
    if options.record:
        figures, drawings = _DOCS / "measurements", _DOCS / "plots"
    figures.mkdir(parents=True, exist_ok=True)
    chosen = [
        entry
        for entry in ENTRIES
        if (entry.short or not options.short) and entry.name in (options.only or [entry.name])
    ]
    failed = [entry.name for entry in chosen if not _run(entry, figures, short=options.short)]
    for path in plots.draw(figures, drawings):
        print(f"drawn: {path}")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _run(entry: Entry, out: Path, *, short: bool) -> bool:
    print(f"\n== {entry.name}", flush=True)
    began = time.monotonic()
    command = [sys.executable, "-m", "bench", *entry.command, *(("--short",) if short else ())]
    done = subprocess.run([*command, "--json", str(out / f"{entry.name}.json")], check=False)
    print(f"== {entry.name}: exit {done.returncode} after {time.monotonic() - began:.0f} s")
    return done.returncode == 0
