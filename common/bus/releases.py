"""Finds processes of releases that this one cannot work with, by their heartbeats in Redis.

Releases of one wire version work together. Those of two have keys of their own, so neither does
harm to the other; but half of a system of each would carry no call, and say nothing.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from typing import NamedTuple

from common.bus import commands, keys
from common.errors import BusUnavailable, Incompatible
from common.pipeline.record import WIRE_VERSION
from common.pipeline.report import release_of
from common.pipeline.stages import PIPELINE
from common.redis.link import CommandError, Link
from common.redis.replies import pairs

RELEASE = version("callscribe")
_KINDS = (keys.GATEWAY, *(spec.name for spec in PIPELINE))
_WIRES = [wire for wire in range(1, WIRE_VERSION + 3) if wire != WIRE_VERSION]
"""Wire versions that are looked for: every earlier one, and the next two."""
_LOOK_AGAIN = 1.2
"""Seconds in which a live process has reported again, with the usual `--heartbeat-s`."""


class Stranger(NamedTuple):
    """A process of another wire version; `release` is empty where its report names none."""

    wire: int
    kind: str
    release: str


class Strangers:
    """Tells which processes of other wire versions are alive: those whose reports change.

    Clocks of different machines are not compared.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._reports: dict[tuple[int, str, bytes], bytes] = {}

    async def look(self) -> list[Stranger]:
        """Return those that have reported since the last look. Raises BusUnavailable."""
        places = [(wire, kind) for wire in _WIRES for kind in _KINDS]
        replies = await self._link.run([commands.heartbeats(kind, wire) for wire, kind in places])
        for reply in replies:
            if isinstance(reply, CommandError):  # loading, failing over
                raise BusUnavailable(f"heartbeats cannot be read: {reply}")
        before, self._reports = self._reports, {}
        for (wire, kind), reply in zip(places, replies, strict=True):
            for name, report in pairs(reply):
                self._reports[wire, kind, name] = report
        return [
            Stranger(wire, kind, release_of(report))
            for (wire, kind, name), report in self._reports.items()
            if before.get((wire, kind, name), report) != report
        ]

    @property
    def suspected(self) -> bool:
        """Whether the last look found any report, of a live process or of a dead one."""
        return bool(self._reports)


def told(strangers: Sequence[Stranger]) -> str:
    """Return a phrase about processes, such as `1 gateway, 2 vad of wire version 1`."""
    phrases = []
    for wire, release in sorted({(each.wire, each.release) for each in strangers}):
        kinds = Counter(e.kind for e in strangers if (e.wire, e.release) == (wire, release))
        named = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        phrases.append(f"{named} of {_version(wire, release)}")
    return " and ".join(phrases)


async def refuse_beside_strangers(link: Link) -> None:
    """Raise Incompatible if processes of another wire version are at work on this Redis.

    Takes a moment only where there are reports of any. Raises BusUnavailable.
    """
    strangers = Strangers(link)
    await strangers.look()
    if not strangers.suspected:
        return
    await asyncio.sleep(_LOOK_AGAIN)
    if found := await strangers.look():
        raise Incompatible(
            f"this is {_version(WIRE_VERSION, RELEASE)}, and this Redis has {told(found)};"
            " end them first (docs/upgrade.md)"
        )


def _version(wire: int, release: str) -> str:
    return f"release {release} (wire version {wire})" if release else f"wire version {wire}"
