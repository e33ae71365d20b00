"""The chaos suite: ``python -m tests.chaos``, from the repository's root.

Calls of real speech go through the whole system while its processes are killed, asked to end,
stopped and started again, Redis included, and its networks are cut, delayed and deaf, at random
moments. What every call is told must be what it was told when nothing happened, word for word. The
exit code is 1 if anything was not; the last line printed is the summary of counts.

The same seed gives the same faults at the same moments and the same calls; what they meet is up to
the machine.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.experiment import MODES, PROTOCOLS, WHISPER, Setup, run
from tests.chaos.plan import RECEIVERS
from tests.chaos.report import as_json, report
from tests.chaos.sinks.receivers import missing

_SOAK_EVERY = 10.0


def main(argv: Sequence[str]) -> int:
    """Run the suite; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="tests.chaos", description=__doc__)
    parser.add_argument("--faults", type=int, default=500)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--calls", type=int, help="calls at a time; 20, with whisper 3")
    parser.add_argument("--mode", choices=MODES, default=MODES[0], help="what recognises speech")
    parser.add_argument("--every", type=float, default=1.5, help="seconds between faults")
    parser.add_argument("--soak", type=float, help="minutes, with a fault every 10 s")
    parser.add_argument("--only", nargs="*", default=[], help="kinds of fault, or their targets")
    parser.add_argument(
        "--protocols", choices=PROTOCOLS, default=PROTOCOLS[0], help="what the calls speak"
    )
    parser.add_argument(
        "--mix", type=Path, help="sources of another release, for every second process"
    )
    parser.add_argument(
        "--engine", help="of every second VAD and denoise worker, such as torch; the others: numpy"
    )
    parser.add_argument(
        "--sinks", action="store_true", help="hurt all kinds of sinks as well, and erase all calls"
    )
    parser.add_argument("--json", type=Path, help="file for the figures")
    given = parser.parse_args(argv)
    whisper = given.mode == WHISPER
    lacking = missing() if given.sinks else RECEIVERS
    setup = Setup(
        faults=round(given.soak * 60 / _SOAK_EVERY) if given.soak else given.faults,
        seed=given.seed,
        calls=given.calls or (3 if whisper else 20),
        mode=given.mode,
        protocols=given.protocols,
        every=_SOAK_EVERY if given.soak else given.every,
        scripts=4 if whisper else 12,
        paces=(1.0, 1.0) if whisper else (3.0, 1.0),
        only=tuple(given.only),
        mixed=given.mix and given.mix.resolve(),
        engine=given.engine,
        receivers=tuple(each for each in RECEIVERS if each not in lacking),
        proofs=given.sinks,
    )
    if given.sinks and lacking:
        print(f"not on this machine: {', '.join(lacking)}")
    results = asyncio.run(run(setup))
    if given.json:
        given.json.write_text(json.dumps(as_json(results), indent=2))
    for line in report(results):
        print(line)
    return 0 if results.good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
