"""Two proofs beside faults: no caller waits for a sink, and nothing is left of what was erased."""

import asyncio
from collections.abc import Callable, Sequence

import redis.asyncio as aioredis

from tests.chaos.caller import Course, hold
from tests.chaos.progress import Spread
from tests.chaos.rig import Rig
from tests.chaos.scripts import Script
from tests.chaos.sinks.erasing import erase, settled
from tests.chaos.sinks.receivers import Receivers

_LEAST_WORDS = 3
"""Of a text that is searched for: keys and ids may have one word."""


async def hold_without(
    url: str, spoken: Sequence[Script], pace: float, receivers: Receivers
) -> tuple[list[Course], dict[str, Spread]]:
    """Hold all scripts with all sinks, with all of them dead, and with all of them again.

    Return the calls, and how long their finals were waited for: what differs between the first and
    the last is the machine's.
    """
    held: list[Course] = []
    waits: dict[str, Spread] = {}
    for what in ("with all sinks", "with all sinks dead", "with all sinks again"):
        dead = what.endswith("dead")
        if dead:
            await receivers.die()
        courses = [Course(0, script.plain) for script in spoken]
        await asyncio.gather(*(hold(url, course, pace) for course in courses))
        waits[what] = Spread.of([wait for each in courses for wait in each.progress.waits])
        held += courses
        if dead:
            await receivers.start()
    return held, waits


async def erase_all(
    rig: Rig,
    admin: aioredis.Redis,
    receivers: Receivers,
    courses: Sequence[Course],
    erased: set[str],
    patience: float,
) -> list[str]:
    """Erase every call that a sink knows, beside those `erased`; return what is left of them."""
    texts = {each.text for course in courses for each in course.finals}
    said = [each.encode() for each in texts if len(each.split()) >= _LEAST_WORDS]
    found: list[str] = []

    async def look(fault: str, wrong: Callable[[list[bytes]], bool]) -> None:
        for each in receivers:
            if each.removes:
                content = await each.content()
                there = [text for text in said if text in content]
                if wrong(there):
                    found.append(f"{each.name} has {fault} {there[:1]}")

    await look("no text before", lambda there: not there)
    known = {call.session for each in receivers for call in await each.kept()}
    found += await erase(rig.page, known - erased)
    erased |= known
    found += await settled(rig.page, erased, patience)
    found += await receivers.problems(admin, [], erased, patience)
    await look("still", bool)
    return found
