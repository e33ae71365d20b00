"""The shape of what lies in the streams: entry ids, field names, MessagePack bodies.

Ids mean something. An audio entry ends at position ``<end>`` and has the id ``<end>-1``; a control
that takes effect at a position has ``<position>-<k>``, k >= 2, so audio and controls are one
totally ordered log that Redis itself de-duplicates. An event's id is ``<epoch>-<n>``: a stale
owner's epoch is smaller than the stream's last id and Redis refuses the write.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import msgpack

WIRE_VERSION = 1

AUDIO_FIELD = b"a"
CONTROL_FIELD = b"c"
BODY_FIELD = b"p"
KEY_FIELD = b"k"
SEQ_FIELD = b"s"
OWNER_FIELD = b"own"
WORDS_FIELD = b"w"
UTTERANCE_FIELD = b"u"
ENTRY_FIELD = b"e"
REASON_FIELD = b"r"
TERMS_FIELD = b"t"

AUDIO_ORDER = 1
"""Second half of an audio entry's id; controls at the same position come after it."""

Body: TypeAlias = dict[str, Any]
Fields: TypeAlias = list[bytes]
RawEntry: TypeAlias = tuple[bytes, Fields]


class Mark(NamedTuple):
    """A place in a leg's log, ordered as Redis orders ids.

    Audio that ends at a position comes first there (order 1), then its controls (2, 3, …).
    """

    position: int
    order: int


NOTHING = Mark(0, 0)
"""The place before a log's first entry."""


def pack(body: Body) -> bytes:
    """Encode a message body with its version."""
    packed: bytes = msgpack.packb({**body, "v": WIRE_VERSION})
    return packed


def unpack(data: bytes) -> Body:
    """Decode a message body; ValueError when it is none, or from an incompatible release."""
    body = msgpack.unpackb(data)
    if not isinstance(body, dict) or body.get("v") != WIRE_VERSION:
        raise ValueError("message of another wire version")
    return body


def entry_id(major: int, minor: int) -> bytes:
    """Return a stream id from its two halves."""
    return b"%d-%d" % (major, minor)


def id_halves(stream_id: bytes) -> tuple[int, int]:
    """Return the two halves of a stream id."""
    major, _, minor = stream_id.partition(b"-")
    return int(major), int(minor)


def before_position(position: int) -> bytes:
    """Return the XREAD cursor after which every entry holds audio later than `position`.

    Entries that end at or before `position`, and controls that take effect at it, are skipped.
    """
    return b"%d-18446744073709551615" % position


class Chunk(NamedTuple):
    """PCM16LE mono 16 kHz whose last sample is at position `end` - 1."""

    end: int
    pcm: bytes

    @property
    def start(self) -> int:
        """Position of the first sample."""
        return self.end - len(self.pcm) // 2

    @property
    def mark(self) -> Mark:
        """Where this entry stands."""
        return Mark(self.end, AUDIO_ORDER)


@dataclass(frozen=True, slots=True)
class Control:
    """A command that takes effect at a position, after the audio before it.

    `body["t"]` is its type: ``flush``, ``config`` or ``end``. `order` tells apart
    controls at the same position.
    """

    position: int
    order: int
    body: Body

    @property
    def mark(self) -> Mark:
        """Where this entry stands."""
        return Mark(self.position, self.order)


@dataclass(frozen=True, slots=True)
class Happening:
    """One entry of an event stream: everything that was decided by the source entry at `at`.

    Order 0 stands for the audio itself, which decides frame by frame, not entry by entry.
    """

    id: bytes
    at: Mark
    events: tuple[Body, ...]


def read_source(entry: RawEntry) -> Chunk | Control:
    """Decode an entry of an audio or clean stream."""
    stream_id, fields = entry
    if fields[0] == AUDIO_FIELD:
        return Chunk(int(stream_id.partition(b"-")[0]), fields[1])
    return Control(*id_halves(stream_id), unpack(fields[1]))


def read_happening(entry: RawEntry) -> Happening | None:
    """Decode an entry of a speech stream; None for an owner's marker."""
    stream_id, fields = entry
    if fields[0] == OWNER_FIELD:
        return None
    body = unpack(fields[1])
    return Happening(stream_id, Mark(*body["at"]), tuple(body["events"]))
