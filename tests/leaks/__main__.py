"""The search for secrets: ``python -m tests.leaks``, from the repository's root.

Calls over every protocol tell cards, security codes, addresses and the like, in ten phrasings, over
pauses and over both legs, while every process is killed, stopped and started again. Then the disk,
keys, logs, messages, sinks, webhooks and pages are searched for each secret, in figures, in words
and in any grouping. The exit code is 1 if anything is found, or if the search is blind.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.leaks.calls import Setup
from tests.leaks.experiment import run
from tests.leaks.report import judged, lines


def main(argv: Sequence[str]) -> int:
    """Run the search; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="tests.leaks", description=__doc__)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7, help="even and odd ones have other digits")
    parser.add_argument("--together", type=int, default=16, help="calls at a time")
    given = parser.parse_args(argv)
    setup = Setup(calls=given.calls, faults=given.faults, seed=given.seed, together=given.together)
    with tempfile.TemporaryDirectory(prefix="leaks-") as directory:
        left = asyncio.run(run(setup, Path(directory)))
        verdict = judged(left)
    print(*lines(left, verdict), sep="\n")
    return int(bool(verdict.leaking or verdict.blind or left.problems))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
