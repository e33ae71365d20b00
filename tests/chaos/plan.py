"""Which faults happen, and when: a function of the seed.

Faults come at exponential gaps and may overlap, but of those that are not mended at most
`_AT_ONCE` at a time, and none lasts for longer than the system promises to bear. ``nothing.at_all``
is one of them: what is measured after it is what any other moment would have shown.
"""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass

PROCESSES = ("gateway", "vad", "asr", "denoise")
SERVERS = ("postgres", "amqp", "s3", "kafka")
RECEIVERS = ("archive", "webhook", *SERVERS)
"""Where sinks write to, which a run may have or not."""

_AT_ONCE = 3
_RESTART = 2.0
"""Seconds that a process or a Redis takes to be of use again, about."""
_LEAST_GAP = 0.2


@dataclass(frozen=True, slots=True)
class Trouble:
    """A way to fail: how often of all, and for how long (s, uniform)."""

    weight: float
    least: float
    most: float
    restarts: bool = False
    """Whether something has to start anew when it is over."""


_PROCESS = {
    "kill": Trouble(3, 0.0, 1.0, restarts=True),
    "end": Trouble(2, 0.0, 1.0, restarts=True),
    "pause": Trouble(2, 0.5, 6.0),
}

_SERVER = {
    "restart": Trouble(1, 0.5, 8.0, restarts=True),
    "cut": Trouble(1, 0.0, 0.0),
    "swallow": Trouble(1, 0.5, 8.0),
}

TROUBLES: dict[str, Trouble] = {
    **{f"{kind}.{how}": each for kind in PROCESSES for how, each in _PROCESS.items()},
    "redis.kill": Trouble(2, 0.0, 2.0, restarts=True),
    "redis.pause": Trouble(2, 0.5, 10.0),
    "redis.full": Trouble(2, 0.5, 5.0),
    "redis.hang_up": Trouble(2, 0.0, 0.0),
    "bus.cut": Trouble(2, 0.0, 0.0),
    "bus.half_close": Trouble(1, 0.0, 0.0),
    "bus.delay": Trouble(1, 0.5, 4.0),
    "bus.swallow": Trouble(1, 0.5, 6.0),
    "callers.cut": Trouble(3, 0.0, 0.0),
    "callers.half_close": Trouble(1, 0.0, 0.0),
    "callers.delay": Trouble(1, 0.5, 4.0),
    "callers.swallow": Trouble(2, 0.5, 6.0),
    "nothing.at_all": Trouble(2, 0.0, 0.0),
    "archive.leave": Trouble(2, 0.5, 8.0),
    "webhook.fail": Trouble(1, 0.5, 8.0),
    "webhook.hang": Trouble(1, 0.5, 8.0),
    "webhook.late": Trouble(1, 0.5, 8.0),
    "webhook.drop": Trouble(1, 0.5, 8.0),
    "webhook.twice": Trouble(1, 0.5, 8.0),
    **{f"{name}.{how}": each for name in SERVERS for how, each in _SERVER.items()},
}
"""What can happen, by name: what it happens to, and how.

Processes and Redis are killed (SIGKILL), asked to end (SIGTERM) or stopped (SIGSTOP) and started
again; Redis is full (`maxmemory`) or hangs up on some of its clients; connections of the workers to
Redis (bus) and of clients to gateways (callers) are cut, closed in one direction, delayed, or go on
existing while nothing goes through.

Where there are receivers of sinks, the archive's folder leaves; the webhook's receiver refuses,
hangs, takes a message and answers too late or not at all, or answers once more; servers are killed
and started again, and their connections cut or deaf.
"""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong `at` seconds after the beginning and lasts for `lasts` seconds.

    `pick`, 0 to 1, chooses which process is hit, or which part of the connections.
    """

    number: int
    at: float
    kind: str
    lasts: float
    pick: float

    @property
    def target(self) -> str:
        """What it happens to."""
        return self.kind.partition(".")[0]

    @property
    def how(self) -> str:
        """What happens to it."""
        return self.kind.partition(".")[2]

    @property
    def mended(self) -> float:
        """When, about, what was hit is of use again."""
        return self.at + self.lasts + _RESTART * TROUBLES[self.kind].restarts


def troubles(*named: str, without: Collection[str] = ()) -> list[str]:
    """Return the kinds of trouble that are named, or whose target is; all without a name.

    Those of the targets in `without` are left out. Raises ValueError for what is neither.
    """
    for name in named:
        if not any(name in (kind, kind.partition(".")[0]) for kind in TROUBLES):
            raise ValueError(f"{name}: no such trouble; there are: {', '.join(TROUBLES)}")
    possible = [kind for kind in TROUBLES if kind.partition(".")[0] not in without]
    return [k for k in possible if not named or k in named or k.partition(".")[0] in named]


def plan(
    seed: int, count: int, *, every: float, kinds: Sequence[str] = tuple(TROUBLES)
) -> tuple[Fault, ...]:
    """Return `count` faults of these kinds, one every `every` seconds about."""
    dice = random.Random(f"faults {seed}")
    weights = [TROUBLES[kind].weight for kind in kinds]
    faults: list[Fault] = []
    now = 0.0
    for number in range(1, count + 1):
        now += max(_LEAST_GAP, dice.expovariate(1 / every))
        now = max(now, _room_from(faults))
        (kind,) = dice.choices(kinds, weights)
        lasts = dice.uniform(TROUBLES[kind].least, TROUBLES[kind].most)
        fault = Fault(number, now, kind, lasts, dice.random())
        faults.append(fault)
    return tuple(faults)


def _room_from(faults: Sequence[Fault]) -> float:
    """Return from when on one fault more is not one too many."""
    ends = sorted((fault.mended for fault in faults), reverse=True)
    return ends[_AT_ONCE - 1] if len(ends) >= _AT_ONCE else 0.0
