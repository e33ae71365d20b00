"""One run: per attack the neighbours alone, then beside it, then what is left when it is over."""

import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from common.lifecycle import die_with_parent
from tests.attack.guarded import Guards, guards
from tests.attack.neighbour import Script, scripts, speak
from tests.attack.newcomers import newcomers
from tests.attack.registry import Attack
from tests.attack.scoring import Bounds, Heard, Newcomer, Outcome, broken, latencies, lost_words
from tests.attack.watch import Logs, settled, watched
from tests.chaos.stack import LastingRedis, Layout, Stack

_LEAD_S = 1.0
"""Seconds that the neighbours have spoken when the attack begins."""
_OVERTIME = 15.0
"""Seconds beyond its time after which an attacker is killed."""
_NEWCOMER_EVERY = 1.0
_LAYOUT = Layout(
    dict.fromkeys(("gateway", "vad", "asr"), 1),
    {kind: ("callscribe", kind) for kind in ("gateway", "vad", "asr")},
    {},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What to run; times in seconds.

    `share`: one system for all attacks that need no keys, and one for those that do, replaced only
    after one that broke a bound, and the neighbours are alone only once on each; else each attack
    has a system of its own.
    """

    attacks: Sequence[Attack]
    seconds: float
    share: bool
    neighbours: int = 2
    patience: float = 10.0
    """How long the rest of the neighbours' calls, and the gateway's memory, are waited for."""
    bounds: Bounds = field(default_factory=Bounds)


@dataclass(slots=True)
class _Rig:
    """A running system, and what the neighbours are told on it when nothing happens."""

    stack: Stack
    redis: LastingRedis
    logs: Path
    guards: Guards | None
    truth: list[Heard] = field(default_factory=list)
    keep: bool = False

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.gateway.port}/ws/asr"

    @property
    def gateway(self):
        return self.stack.of("gateway")[0]

    async def neighbour(self, script: Script, setup: Setup, *, counts_from: float = 0.0) -> Heard:
        """Speak, with a key where one is needed."""
        key = self.guards.neighbour if self.guards else None
        return await speak(self.url, script, setup.patience, counts_from=counts_from, key=key)

    async def newcomers(self, over: asyncio.Event) -> list[Newcomer]:
        """Call every now and then, with a key where one is needed."""
        key = self.guards.newcomer if self.guards else None
        return await newcomers(self.url, _NEWCOMER_EVERY, over, key=key)

    @property
    def secrets(self) -> list[str]:
        """What no log may have."""
        if self.guards is None:
            return []
        return [*self.guards.holdings.secrets, self.guards.neighbour, self.guards.newcomer]

    def held(self) -> list[str]:
        """Write what attackers hold into a file, where keys are needed; return its path."""
        if self.guards is None:
            return []
        path = self.logs / "holdings.json"
        self.guards.held(self.stack).write(path)
        return [str(path)]

    @property
    def dead(self) -> list[str]:
        return [
            f"{each.name} died with code {each.exit_code}"
            for each in self.stack.processes
            if each.exit_code is not None
        ]


async def run(setup: Setup) -> AsyncIterator[Outcome]:
    """Yield the outcome of each attack as soon as it is known."""
    spoken = scripts(setup.neighbours, setup.seconds + _LEAD_S)
    left = list(setup.attacks)
    while left:
        guarded = left[0].guarded
        async with _rig(guarded=guarded) as rig:
            rig.truth = await _undisturbed(rig, spoken, setup)
            while left and left[0].guarded is guarded:
                attack = left.pop(0)
                outcome = await _attacked(rig, attack, spoken, setup)
                rig.keep = any(broken(outcome, setup.bounds))
                outcome.logs = str(rig.logs) if rig.keep else ""
                yield outcome
                if rig.keep or not setup.share:
                    break


@asynccontextmanager
async def _rig(*, guarded: bool) -> AsyncIterator[_Rig]:
    """A system of its own; its logs stay if `_Rig.keep` is set by then, its audio never."""
    logs, name = Path(tempfile.mkdtemp(prefix="callscribe-attack-")), uuid4().hex
    redis = LastingRedis(logs, name)
    await redis.start()
    guarding = guards(logs) if guarded else None
    layout = guarding.layout if guarding else _LAYOUT
    stack = Stack(layout, redis.guard.url(redis.port), logs, name)
    rig = _Rig(stack, redis, logs, guarding)
    try:
        await stack.start()
        yield rig
    finally:
        await asyncio.gather(*(process.kill() for process in stack.processes))
        await redis.admin.aclose()
        await redis.kill()
        shutil.rmtree(logs / "appendonlydir" if rig.keep else logs, ignore_errors=True)


async def _undisturbed(rig: _Rig, spoken: Sequence[Script], setup: Setup) -> list[Heard]:
    over = asyncio.Event()
    coming = asyncio.create_task(rig.newcomers(over))
    heard = await asyncio.gather(*(rig.neighbour(each, setup) for each in spoken))
    over.set()
    await coming
    for each in heard:
        if each.failure:
            say(f"undisturbed: {each.failure}; logs in {rig.logs}")
    return list(heard)


async def _attacked(rig: _Rig, attack: Attack, spoken: Sequence[Script], setup: Setup) -> Outcome:
    outcome = Outcome(attack=attack.name, seconds=setup.seconds)
    footprint, gateway = outcome.footprint, rig.gateway.pid
    logs, over = Logs(rig.logs.glob("*-*.log"), rig.secrets), asyncio.Event()
    async with watched(gateway, rig.redis.pid, footprint):
        speaking = [
            asyncio.create_task(rig.neighbour(each, setup, counts_from=_LEAD_S)) for each in spoken
        ]
        await asyncio.sleep(_LEAD_S)
        coming = asyncio.create_task(rig.newcomers(over))
        try:
            outcome.attacker = await _attack(attack, rig, setup.seconds)
            if attack.guarded and not outcome.attacker["messages"]:
                outcome.problems.append("the attacker was not let in, and proved nothing")
        except RuntimeError as error:
            outcome.problems.append(str(error))
        over.set()
        heard = await asyncio.gather(*speaking)
        outcome.newcomers = await coming
    await settled(gateway, footprint, memory_mb=setup.bounds.memory_mb, patience=setup.patience)
    outcome.problems += rig.dead
    outcome.problems += [f"undisturbed: {t.failure}" for t in rig.truth if t.failure]
    logs.count(footprint)
    for truth, each in zip(rig.truth, heard, strict=True):
        outcome.before += latencies(truth, replace(truth, counts_from=_LEAD_S))
        outcome.during += latencies(truth, each)
        outcome.words += len(truth.words)
        outcome.lost += lost_words(truth.words, each.words)
        outcome.failures += [each.failure] if each.failure else []
    return outcome


async def _attack(attack: Attack, rig: _Rig, seconds: float) -> dict[str, Any]:
    """Run the attacker; return what it printed. RuntimeError when it did not attack."""
    command = [sys.executable, "-m", "tests.attack.attacker", attack.name, str(rig.gateway.port)]
    command += [f"{seconds:g}", *rig.held()]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=die_with_parent(),
    )
    try:
        async with asyncio.timeout(seconds + _OVERTIME):
            out, err = await process.communicate()
    except TimeoutError:
        raise RuntimeError(f"the attacker did not end within {seconds + _OVERTIME:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        last = err.decode(errors="replace").strip().splitlines()[-1:]
        raise RuntimeError(f"the attacker ended with code {process.returncode}: {last}")
    told: dict[str, Any] = json.loads(out)
    return told


def say(text: str) -> None:
    """Print a line with the time on stderr."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
