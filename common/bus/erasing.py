"""Erasing what stages and doorbells have of sessions, besides the sessions' own keys."""

from collections.abc import Iterable, Sequence

from common.bus import keys, scripts
from common.bus.doorbells import clear
from common.bus.keys import Leg
from common.pipeline.stages import StageSpec
from common.redis.link import Command, ScriptCall


def forget(sessions: Sequence[str], pipeline: Sequence[StageSpec]) -> list[ScriptCall]:
    """Return the calls that remove the work items and dead letters of sessions, byte for byte.

    They may be repeated: workers that do not know yet may still offer work items. Each writes a
    stage's work items again, so give them many sessions at a time.
    """
    calls: list[ScriptCall] = []
    for spec in pipeline:
        work = (keys.work_items(spec.name), keys.index(spec.name))
        letters = (keys.dead(spec.name), keys.dead_contents(spec.name))
        calls.append((scripts.FORGET_WORK, work, sessions))
        calls.append((scripts.FORGET_LETTERS, letters, sessions))
    return calls


def silence(
    legs: Iterable[Leg], gateways: Iterable[str], pipeline: Sequence[StageSpec]
) -> list[Command]:
    """Return the commands that clear the doorbells that name these legs, and others beside them.

    A doorbell is a hint: its readers find what it announced a moment later.
    """
    woken = [spec.name for spec in pipeline if spec.woken]
    names = {keys.doorbell(stage, leg.doorbell) for stage in woken for leg in legs}
    return [clear(key) for key in sorted(names | {keys.out(gateway) for gateway in gateways})]
