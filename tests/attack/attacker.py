"""One rude client, a process of its own.

    python -m tests.attack.attacker NAME PORT SECONDS [HOLDINGS]

HOLDINGS is a file with what it holds where keys are needed.

It ends by itself when its time is up, all its connections with it, and prints what it sent and met
as one line of JSON. Its priority is the lowest: it stands for another machine, and must harm by
what it sends, not by the processor time that it takes from those it shares this one with.
"""

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import tests.attack.kin  # noqa: F401 - fills the registry
from tests.attack.holdings import Holdings
from tests.attack.registry import ATTACKS, Attack
from tests.attack.rude import Tally, Target

_LOWEST = 19
_OVERTIME = 5.0
"""Seconds after which a process that hangs is ended."""


def main(argv: Sequence[str]) -> int:
    """Attack; return the process's exit code."""
    name, port, seconds = argv[0], int(argv[1]), float(argv[2])
    os.nice(_LOWEST)
    guard = threading.Timer(seconds + _OVERTIME, os._exit, (1,))
    guard.daemon = True
    guard.start()
    holdings = Holdings.read(Path(argv[3])) if argv[3:] else None
    tally = Tally()
    began = time.process_time()
    asyncio.run(attack_for(seconds, ATTACKS[name], Target(port, tally, holdings)))
    told = {each.name: getattr(tally, each.name) for each in fields(tally)}
    print(json.dumps({**told, "cpu_s": round(time.process_time() - began, 3)}), flush=True)
    return 0


async def attack_for(seconds: float, attack: Attack, target: Target) -> None:
    """Attack for so long; RuntimeError when the attack ended before, which none may."""
    attacking = asyncio.ensure_future(attack.run(target))
    done, _ = await asyncio.wait({attacking}, timeout=seconds)
    if done:
        attacking.result()
        raise RuntimeError(f"{attack.name} ended before its time")
    attacking.cancel()
    await asyncio.gather(attacking, return_exceptions=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
