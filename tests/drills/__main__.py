"""The drills: ``python -m tests.drills``, from the repository's root.

Each does to a running system what an alert is for, and waits until the alert fires in a real
Alertmanager. The exit code is 1 if one did not.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench import record
from tests.drills.exercise import as_json, run
from tests.drills.monitoring import missing
from tests.drills.registry import DRILLS


def main(argv: Sequence[str]) -> int:
    """Run the drills; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="tests.drills", description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], help="drills, or alerts, by name")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what came of each there")
    parser.add_argument("--list", action="store_true", help="tell what there is")
    given = parser.parse_args(argv)
    if given.list:
        for each in DRILLS:
            names = ", ".join(sorted({name for name, _ in each.alerts}))
            print(f"{each.name}: {each.text} ({names})")
        return 0
    if lacking := missing():
        print(f"missing: {', '.join(lacking)} (Debian's packages of these names)", file=sys.stderr)
        return 2
    wanted = {*given.only}
    chosen = [
        each
        for each in DRILLS
        if not wanted or each.name in wanted or wanted & {name for name, _ in each.alerts}
    ]
    begun = time.monotonic()
    outcomes = asyncio.run(run(chosen))
    if given.json is not None:
        record.write(given.json, as_json(outcomes))
    good = sum(each.good for each in outcomes)
    print(f"{good} of {len(outcomes)} drills in {time.monotonic() - begun:.0f} s")
    return 0 if good == len(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
