"""The attack suite: ``python -m tests.attack``, from the repository's root.

Beside a polite neighbour and polite newcomers one rude client at a time does what it can to the
whole system on loopback, for some seconds. It may harm only itself: the exit code is 1 if the
neighbour's finals come late or lack words, if a newcomer is not let in in time, if the gateway
keeps memory, floods its log or writes a traceback, or if the attacker gets what it should not.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import tests.attack.kin  # noqa: F401 - fills the registry
from bench import record
from tests.attack.experiment import Setup, run
from tests.attack.registry import chosen
from tests.attack.report import as_json, heading, row, summary
from tests.attack.scoring import Outcome, broken

_SECONDS, _SHORT_SECONDS = 12.0, 4.0


def main(argv: Sequence[str]) -> int:
    """Run the suite; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="tests.attack", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few attacks, of 4 s, on one system")
    parser.add_argument(
        "--share", action="store_true", help="two systems for all attacks, in half the time"
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="attacks, or kin")
    parser.add_argument("--seconds", type=float, help="length of an attack; 12, short 4")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--list", action="store_true", help="name the attacks and end")
    given = parser.parse_args(argv)
    try:
        attacks = chosen(given.only, short=given.short)
    except KeyError as unknown:
        parser.error(f"no such attack or kin: {unknown.args[0]}")
    if given.list:
        for each in attacks:
            print(f"{each.kin:10} {each.name:22} {each.about}{' (short form)' * each.short}")
        return 0
    seconds = given.seconds or (_SHORT_SECONDS if given.short else _SECONDS)
    setup = Setup(attacks=attacks, seconds=seconds, share=given.share or given.short)
    return asyncio.run(_run(setup, given.json))


async def _run(setup: Setup, file: Path | None) -> int:
    outcomes: dict[str, Outcome] = {}
    print(heading(), flush=True)

    async def measure(setup: Setup) -> None:
        async for outcome in run(setup):
            outcomes[outcome.attack] = outcome
            print(row(outcome, setup.bounds), flush=True)
            if file is not None:  # a run that is broken off has its figures all the same
                record.write(file, as_json([*outcomes.values()], setup.bounds))

    def harmful() -> set[str]:
        return {each.attack for each in outcomes.values() if any(broken(each, setup.bounds))}

    await measure(setup)
    if harmful():
        # A percentile of ten finals is one of them, and other work on the machine delays some.
        print("once more, what broke a bound:", flush=True)
        again = [attack for attack in setup.attacks if attack.name in harmful()]
        await measure(replace(setup, attacks=again, share=False))
    print(summary([*outcomes.values()], setup.bounds))
    return 1 if harmful() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
