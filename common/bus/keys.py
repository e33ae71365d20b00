"""Every Redis key of this system is spelled here alone. `common.pipeline.streams` lists them.

A leg is written ``<session>.<channel>``. Its keys carry the partition tag ``{pNN}`` of their
session, so a session lives in one Redis Cluster slot, scripts may touch its keys together, and one
XREAD serves many legs of a partition.
"""

import re
from binascii import crc_hqx
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Self

from common.pipeline.record import WIRE_VERSION
from common.pipeline.streams import (
    ACCESS,
    CALLS,
    COUNTED,
    DEAD,
    DEAD_CONTENTS,
    DOORBELL,
    DUE,
    ERASURE,
    INDEX,
    META,
    NAMED,
    OUT,
    PERMANENT,
    SESSIONS,
    SINKS,
    SPENT,
    TAKEN,
    USAGE,
    WORK_ITEMS,
    WORKERS,
    Stream,
)

VERSION_PREFIX = b"cs:v%d" % WIRE_VERSION
"""Systems of two wire versions on one Redis see nothing of each other, but see `workers`."""
GATEWAY = "gateway"
"""What stands for a stage in the keys of gateways."""
PARTITIONS = 64
SESSION_TTL = 120
"""Seconds a session's keys outlive the last renewal by its gateway and its owners."""
SINK_TTL = 600
"""Seconds that a session which a sink lacks outlives the last look of a gateway after it."""
REPLAYED = "replay-"
"""How the names of sessions begin in which an operator replays dead letters."""
DOORBELLS = 16
"""Doorbells per stage; each worker of the stage blocks on all of them."""


def partition(session: str) -> int:
    """Return the partition 0..63 of a session: CRC-16/XMODEM, the checksum Redis Cluster uses."""
    return crc_hqx(session.encode(), 0) % PARTITIONS


def session_key(session: str, kind: str) -> bytes:
    """Return a key that belongs to the whole session, such as ``meta``."""
    return b"%b:{p%02d}:%b:%b" % (
        VERSION_PREFIX,
        partition(session),
        session.encode(),
        kind.encode(),
    )


@dataclass(frozen=True, slots=True)
class Leg:
    """One channel of a session."""

    session: str
    channel: int
    partition: int = field(init=False, repr=False, compare=False)
    _prefix: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        place = partition(self.session)
        object.__setattr__(self, "partition", place)
        beginning = b"%b:{p%02d}:%b:" % (VERSION_PREFIX, place, str(self).encode())
        object.__setattr__(self, "_prefix", beginning)

    def __str__(self) -> str:
        return f"{self.session}.{self.channel}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `str(leg)`; ValueError when it is none."""
        session, _, channel = text.rpartition(".")
        if not session:
            raise ValueError(f"not a leg: {text!r}")
        return cls(session, int(channel))

    def key(self, kind: str) -> bytes:
        """Return this leg's key of a kind, see `common.pipeline.streams`."""
        return self._prefix + kind.encode()

    @property
    def meta(self) -> bytes:
        """Key of the session's meta hash."""
        return session_key(self.session, META)

    @property
    def doorbell(self) -> int:
        """Index of the stage doorbell that announces this leg's news."""
        return self.partition % DOORBELLS


def work_items(stage: str) -> bytes:
    """Return the stream of open work items of a stage."""
    return _of(stage, WORK_ITEMS)


def index(stage: str) -> bytes:
    """Return the hash that makes offering a work item idempotent."""
    return _of(stage, INDEX)


def workers(stage: str, wire: int = WIRE_VERSION) -> bytes:
    """Return the hash of a stage's live workers, or of the gateways.

    It is spelled so in every wire version, so that releases find each other.
    """
    return b"cs:v%d:{%b}:%b" % (wire, stage.encode(), WORKERS.encode())


def sessions() -> bytes:
    """Return the sorted set of all sessions: id -> when a gateway last renewed it, Redis's ms."""
    return _of(GATEWAY, SESSIONS)


def named(tenant: str, name: str) -> bytes:
    """Return the sorted set of a tenant's calls that clients know by a name: id -> began, in ms."""
    return _of(_digest(tenant, name), NAMED)


def due(sink: str) -> bytes:
    """Return the sorted set of the calls that a sink gets: id -> when last looked after, in ms."""
    return _of(sink, DUE)


def taken(sink: str) -> bytes:
    """Return the sorted set of the calls that a sink has: id -> since when, in ms."""
    return _of(sink, TAKEN)


def erasure(session: str) -> bytes:
    """Return the hash of what became of a session's erasure in sinks."""
    return session_key(session, ERASURE)


def sinks() -> bytes:
    """Return the hash of what came of all sinks' attempts; see `common.bus.sinks`."""
    return _of(GATEWAY, SINKS)


def dead(stage: str) -> bytes:
    """Return the stream of work items that a stage gave up, its dead letters."""
    return _of(stage, DEAD)


def dead_contents(stage: str) -> bytes:
    """Return the stream of what the dead letters are about."""
    return _of(stage, DEAD_CONTENTS)


def calls(key: str) -> bytes:
    """Return the sorted set of a client's calls: id -> when last renewed, Redis's ms."""
    return _of(key, CALLS)


def access() -> bytes:
    """Return the hash of all API keys: id -> record; and under no name its version."""
    return _of(GATEWAY, ACCESS)


def spent(token: str) -> bytes:
    """Return the mark of a short-lived token that has opened its call."""
    return _of(token, SPENT)


def usage(tenant: str, day: str) -> bytes:
    """Return the hash of what a tenant used on a day, ``YYYY-MM-DD``, UTC."""
    return _of(f"t.{tenant}", USAGE.of(day))


def counted(tenant: str, session: str) -> bytes:
    """Return the hash of what a tenant's usage has of one call; its name tells nothing of the call.

    It stays when the call is erased: gateways that learn of that late tell of its use once more.
    """
    return _of(f"t.{tenant}", COUNTED.of(_digest(tenant, session)))


def doorbell(stage: str, number: int) -> bytes:
    """Return one of a stage's doorbell streams."""
    return _of(stage, DOORBELL.of(f"{number:02d}"))


def out(gateway: str) -> bytes:
    """Return the doorbell stream of one gateway process."""
    return b"%b:%b" % (VERSION_PREFIX, OUT.of(gateway).encode())


def is_permanent(key: bytes) -> bool:
    """Tell whether a key may live without a TTL."""
    return _PERMANENT.fullmatch(key) is not None


def _digest(tenant: str, name: str) -> str:
    return blake2b(name.encode(), key=tenant.encode(), digest_size=16).hexdigest()


def _of(owner: str, kind: Stream) -> bytes:
    return b"%b:{%b}:%b" % (kind.prefix.encode(), owner.encode(), kind.encode())


# A session's keys begin with the tag of its partition, others with a name.
_PERMANENT = re.compile(
    "|".join(
        rf"{each.prefix}:\{{(?!p\d\d\}}).+\}}:{each}" + (r":\d\d" if each.number else "")
        for each in PERMANENT
    ).encode()
)
