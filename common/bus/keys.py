"""Every Redis key this system uses; nothing else spells one.

A leg is written ``<session>.<channel>``. Its keys carry the partition tag ``{pNN}`` of their
session, so a session lives in one Redis Cluster slot, scripts may touch its keys together, and one
XREAD serves many legs of a partition.

| key | type | lifetime |
|---|---|---|
| ``cs:v1:{pNN}:<session>:meta`` | hash | session TTL |
| ``cs:v1:{pNN}:<leg>:audio`` | stream, ids are positions | session TTL |
| ``cs:v1:{pNN}:<leg>:clean`` | stream, ids are positions | session TTL |
| ``cs:v1:{pNN}:<leg>:speech`` | stream, ids are epochs | session TTL |
| ``cs:v1:{pNN}:<leg>:text`` | stream, ids begin with an item number | session TTL, then retention |
| ``cs:v1:{pNN}:<leg>:held`` | hash of what waits to enter the text | session TTL |
| ``cs:v1:{pNN}:<leg>:part:<n>`` | stream of one partial, ids are epochs | short TTL |
| ``cs:v1:{pNN}:<leg>:align:<n>`` | stream of owners' markers, ids are epochs | short TTL |
| ``cs:v1:{pNN}:<leg>:ckpt:<stage>`` | stream of one checkpoint, ids are epochs | session TTL |
| ``cs:v1:{<stage>}:claims`` | stream under a consumer group | permanent |
| ``cs:v1:{<stage>}:index`` | hash claim key -> claims entry | permanent |
| ``cs:v1:{<stage>}:workers`` | hash worker -> last sign of life | permanent |
| ``cs:v1:{<stage>}:dead`` | stream of dead letters | permanent, capped |
| ``cs:v1:{<stage>}:dead:audio`` | stream of their audio, the same ids | a day, capped |
| ``cs:v1:{gateway}:sessions`` | sorted set of sessions by their last renewal | permanent |
| ``cs:v1:{<key>}:calls`` | sorted set of a client's calls by their last renewal | short TTL |
| ``cs:v1:{<stage>}:ring:<NN>`` | doorbell stream | permanent, capped |
| ``cs:v1:out:<gateway>`` | doorbell stream | gateway TTL, capped |

In a text, item n is the entry ``<n>-1``; words that come after their item are an entry
``<last item>-<k>``, k >= 2, wherever the text ends then. So the first half of the last id is always
the last item's number. In ``held``, ``<n>`` is an item whose predecessor is missing, ``w<n>`` the
words attached to an item that is still to come, each with its digest, and ``a<n>`` the digest under
which an item of the text awaits its words. See COMMIT and ATTACH in `common.bus.scripts`.
"""

import re
from binascii import crc_hqx
from dataclasses import dataclass, field
from typing import Self

VERSION_PREFIX = b"cs:v1"
PARTITIONS = 64
SESSION_TTL = 120
"""Seconds a session's keys outlive the last renewal by its gateway and its owners."""
RINGS = 16
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
        """Return this leg's key of a kind: ``audio``, ``clean``, ``speech``, ``text``, …"""
        return self._prefix + kind.encode()

    @property
    def meta(self) -> bytes:
        """Key of the session's meta hash."""
        return session_key(self.session, "meta")

    @property
    def ring(self) -> int:
        """Index of the stage doorbell that announces this leg's news."""
        return self.partition % RINGS


def claims(stage: str) -> bytes:
    """Return the stream of open claims of a stage."""
    return b"%b:{%b}:claims" % (VERSION_PREFIX, stage.encode())


def index(stage: str) -> bytes:
    """Return the hash that makes registering a claim idempotent."""
    return b"%b:{%b}:index" % (VERSION_PREFIX, stage.encode())


def workers(stage: str) -> bytes:
    """Return the hash of a stage's live workers."""
    return b"%b:{%b}:workers" % (VERSION_PREFIX, stage.encode())


def sessions() -> bytes:
    """Return the sorted set of all sessions: id -> when a gateway last renewed it, Redis's ms."""
    return b"%b:{gateway}:sessions" % VERSION_PREFIX


def dead(stage: str) -> bytes:
    """Return the stream of claims that a stage gave up, its dead letters."""
    return b"%b:{%b}:dead" % (VERSION_PREFIX, stage.encode())


def dead_audio(stage: str) -> bytes:
    """Return the stream of the dead letters' audio."""
    return b"%b:{%b}:dead:audio" % (VERSION_PREFIX, stage.encode())


def calls(key: str) -> bytes:
    """Return the sorted set of a client's calls: id -> when last renewed, Redis's ms."""
    return b"%b:{%b}:calls" % (VERSION_PREFIX, key.encode())


def ring(stage: str, number: int) -> bytes:
    """Return one of a stage's doorbell streams."""
    return b"%b:{%b}:ring:%02d" % (VERSION_PREFIX, stage.encode(), number)


def out(gateway: str) -> bytes:
    """Return the doorbell stream of one gateway process."""
    return b"%b:out:%b" % (VERSION_PREFIX, gateway.encode())


def is_permanent(key: bytes) -> bool:
    """Tell whether a key may live without a TTL."""
    return _PERMANENT.fullmatch(key) is not None


# A session's keys begin with the tag of its partition, a stage's with the stage's name.
_PERMANENT = re.compile(rb"cs:v1:\{(?!p\d\d\}).+\}:(claims|index|workers|dead|ring:\d\d|sessions)")
