"""What became of calls' erasures in sinks: reports in Redis, which outlive the calls."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from common.bus import commands
from common.bus.sinks import erasure
from common.redis.link import Link
from common.redis.replies import pairs

_SINK = "sink:"
"""How the fields of a report begin that say what a sink did."""


class Removal(Enum):
    """What a sink did about a call that is to be removed from it."""

    WAITING = "waiting"
    """Nothing yet: it could not."""
    REMOVED = "removed"
    TOLD = "told"
    """Its receivers know that the call is erased; what they have is theirs to remove."""
    KEPT = "kept"
    """Nothing, and it will not: nobody could be told, or nobody took it."""


class Did(NamedTuple):
    """What a sink did, and why if that is nothing."""

    removal: Removal
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Erased:
    """A call that is to be removed from sinks.

    `tenant`: whose it was, None if that is not known. `asked`: when its erasure was, in s since
    1970. `webhook`: its URL, empty if it had none or that is not known any more. `sinks`: what each
    did, and when in s.
    """

    session: str
    tenant: str | None = None
    asked: float = 0.0
    webhook: str = ""
    sinks: Mapping[str, tuple[Did, float]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the report for those who asked."""
        done = all(did.removal is not Removal.WAITING for did, _ in self.sinks.values())
        sinks = [
            {"sink": name, "state": did.removal.value, "at": at}
            | ({"reason": did.reason} if did.reason else {})
            for name, (did, at) in sorted(self.sinks.items())
        ]
        return {"session_id": self.session, "asked": self.asked, "done": done, "sinks": sinks}


class Erasures:
    """All reports. Every method waits while Redis is away."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def begin(
        self, session: str, sinks: Sequence[str], *, tenant: str | None, webhook: str
    ) -> None:
        """Let sinks remove a call."""
        now = time.time()
        known: dict[str, str] = {} if tenant is None else {"tenant": tenant}
        known |= {"webhook": webhook} if webhook else {}
        states = {f"{_SINK}{sink}": _packed(Did(Removal.WAITING), now) for sink in sinks}
        described = commands.describe_erasure(session, asked=now, **known, **states)
        await self._link.insist(described)
        # Only now: a sink notes in the report what it did.
        await self._link.insist([commands.due(sink, erasure(session)) for sink in sinks])

    async def note(self, session: str, sink: str, did: Did) -> None:
        """Take note of what a sink did."""
        state = {f"{_SINK}{sink}": _packed(did, time.time())}
        await self._link.insist(commands.describe_erasure(session, **state))

    async def forget_webhook(self, session: str) -> None:
        """Remove the URL of a call's webhook from its report."""
        await self._link.insist([commands.forget_webhook(session)])

    async def read(self, session: str) -> Erased | None:
        """Return the report on a session; None if there is none."""
        (found,) = await self._link.insist([commands.erasure_of(session)])
        fields = {name.decode(): value.decode() for name, value in pairs(found)}
        if not fields:
            return None
        return Erased(
            session,
            fields.get("tenant"),
            float(fields.get("asked", 0)),
            fields.get("webhook", ""),
            {
                name.removeprefix(_SINK): _unpacked(state)
                for name, state in fields.items()
                if name.startswith(_SINK)
            },
        )


def _packed(did: Did, at: float) -> str:
    return f"{did.removal.value} {at:.3f} {did.reason}"


def _unpacked(state: str) -> tuple[Did, float]:
    removal, at, reason = state.split(" ", 2)
    return Did(Removal(removal), reason), float(at)
