"""What is due to sinks of erased calls, and what came of all attempts, counted in one hash."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from common.bus import keys
from common.redis.link import Command

COUNTED = ("delivered", "failed", "dropped")
"""What is counted: messages that a sink has taken at a time, attempts in vain, calls given up."""

_NUMBERS = ("seen", "failed_at", *COUNTED)
_ERASE = "erase/"


@dataclass(slots=True)
class SinkState:
    """What came of one sink's attempts, over all gateways; times in ms since 1970.

    `seen`: when a gateway last looked after it. `failed_at`: when an attempt last failed, 0 if none
    has, for this `reason`.
    """

    name: str
    seen: int = 0
    delivered: int = 0
    failed: int = 0
    dropped: int = 0
    failed_at: int = 0
    reason: str = ""


def erasure(session: str) -> str:
    """Return what is due to a sink that has to remove what it has of a session."""
    return f"{_ERASE}{session}"


def erased(due: str) -> str | None:
    """Return the session that has to be removed; None if a sink gets this one."""
    return due.removeprefix(_ERASE) if due.startswith(_ERASE) else None


def see(sink: str) -> Command:
    """Take note that a gateway looks after a sink."""
    return ("HSET", keys.sinks(), _field(sink, "seen"), _now())


def count(sink: str, counts: Mapping[str, int], reason: str = "") -> list[Command]:
    """Add to a sink's counts; `reason`: of its last failure, empty if none."""
    added: list[Command] = [
        ("HINCRBY", keys.sinks(), _field(sink, what), counts[what])
        for what in COUNTED
        if counts.get(what)
    ]
    if reason:
        failure = (_field(sink, "failed_at"), _now(), _field(sink, "reason"), reason)
        added.append(("HSET", keys.sinks(), *failure))
    return added


def read() -> Command:
    """Read the counts of all sinks, for `states`."""
    return ("HGETALL", keys.sinks())


def states(fields: Mapping[bytes, bytes]) -> dict[str, SinkState]:
    """Return the state of each sink by its name, in the order of names."""
    found: dict[str, SinkState] = {}
    for field, value in fields.items():
        name, _, what = field.decode().partition(" ")
        state = found.setdefault(name, SinkState(name))
        if what == "reason":
            state.reason = value.decode()
        elif what in _NUMBERS:
            setattr(state, what, int(value))
    return dict(sorted(found.items()))


def _now() -> int:
    return round(time.time() * 1000)


def _field(sink: str, what: str) -> str:
    return f"{sink} {what}"
