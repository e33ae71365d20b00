"""The shape of stream entries: ids, field names, audio and controls.

Ids have a meaning. An audio entry ends at position ``<end>`` and has the id ``<end>-1``; a control
that takes effect at a position has ``<position>-<k>``, k >= 2, so audio and controls are one
totally ordered log that Redis itself de-duplicates. An event's id is ``<epoch>-<n>``: a stale
owner's epoch is smaller than that of the stream's last id, so Redis refuses the write.
"""

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, TypeVar

from common.pipeline.control import COMMAND, Command
from common.pipeline.progress import PROGRESS, Progress
from common.pipeline.record import Message
from common.pipeline.stream_ids import NOTHING as NOTHING
from common.pipeline.stream_ids import StreamId as StreamId
from common.redis.replies import pairs
from common.redis.resp import CommandError

AUDIO_FIELD = b"a"
CONTROL_FIELD = b"c"
BODY_FIELD = b"p"
HEAD_FIELD = b"h"
KEY_FIELD = b"k"
SEQ_FIELD = b"s"
OWNER_FIELD = b"own"
WORDS_FIELD = b"w"
UTTERANCE_FIELD = b"u"
ENTRY_FIELD = b"e"
REASON_FIELD = b"r"
ATTEMPTS_FIELD = b"t"
DENOISED_FIELD = b"d"
CAME_FIELD = b"t"
COMMITTED_FIELD = b"c"
"""In a text, where no control is; see `commit.lua`."""

AUDIO_ORDER = 1
"""Second half of an audio entry's id; controls at the same position come after it."""

Fields: TypeAlias = list[bytes]
RawEntry: TypeAlias = tuple[bytes, Fields]
"""An id, then names and values by turns. Redis's parser makes a list of the two."""
E = TypeVar("E")


def entry_id(major: int, minor: int) -> bytes:
    """Return a stream id from its two halves."""
    return b"%d-%d" % (major, minor)


def id_halves(stream_id: bytes) -> tuple[int, int]:
    """Return the two halves of a stream id."""
    major, _, minor = stream_id.partition(b"-")
    return int(major), int(minor)


def last_id(reply: object) -> StreamId:
    """Return the last id ever written to a stream, from Redis's answer to XINFO STREAM.

    That is `NOTHING` for a stream that does not exist.
    """
    if isinstance(reply, CommandError) or not isinstance(reply, list):
        return NOTHING
    facts = dict(pairs(reply))
    return StreamId(*id_halves(facts[b"last-generated-id"]))


def before_position(position: int) -> bytes:
    """Return the XREAD cursor behind all entries at `position`.

    Audio that ends at or before it, and controls that take effect at it, are skipped.
    """
    return b"%d-18446744073709551615" % position


class Chunk(NamedTuple):
    """PCM16LE mono 16 kHz whose last sample is at position `end` - 1.

    `denoised`: when and by whom, see `read_denoised`; empty for audio as it came. `came`: when it
    came, s since 1970 by Redis's clock: to the gateway, or out of the denoiser. It is on some of a
    live call's audio, and 0 elsewhere.
    """

    end: int
    pcm: bytes
    denoised: bytes = b""
    came: float = 0.0

    @property
    def start(self) -> int:
        """Position of the first sample."""
        return self.end - len(self.pcm) // 2

    @property
    def stream_id(self) -> StreamId:
        """Where this entry stands."""
        return StreamId(self.end, AUDIO_ORDER)


@dataclass(frozen=True, slots=True)
class Control:
    """A command that takes effect at a position, after the audio before it.

    `order` tells apart controls at the same position.
    """

    position: int
    order: int
    command: Command

    @property
    def stream_id(self) -> StreamId:
        """Where this entry stands."""
        return StreamId(self.position, self.order)


def read_source(entry: RawEntry) -> Chunk | Control:
    """Decode an entry of an audio or clean stream."""
    stream_id, fields = entry
    if fields[0] == AUDIO_FIELD:
        end = int(stream_id.partition(b"-")[0])
        if len(fields) == 2:
            return Chunk(end, fields[1])
        stamps = dict(pairs(fields))
        came = read_came(stamps.get(CAME_FIELD, b"0"))
        return Chunk(end, fields[1], stamps.get(DENOISED_FIELD, b""), came)
    return Control(*id_halves(stream_id), COMMAND.unpack(fields[1]))


def came(at: float) -> bytes:
    """Return the stamp of audio that came at a time: ms since 1970."""
    return b"%d" % (1000 * at)


def read_came(stamp: bytes) -> float:
    """Read such a stamp, in s since 1970."""
    return int(stamp) / 1000


def denoised(at: float, worker: str) -> bytes:
    """Return the stamp of denoised audio: s since 1970, and the worker's name."""
    return b"%.6f %b" % (at, worker.encode())


def read_denoised(stamp: bytes) -> tuple[float, str]:
    """Read a stamp of denoised audio."""
    at, _, worker = stamp.partition(b" ")
    return float(at), worker.decode()


def read_owned(entry: RawEntry, message: Message[E]) -> E | None:
    """Decode an entry of an epoch stream; None for an owner's marker."""
    _, fields = entry
    return None if fields[0] == OWNER_FIELD else message.unpack(fields[1])


def read_progress(entry: RawEntry) -> Progress | None:
    """Decode the public head of a checkpoint; None if there is none, or an unreadable one."""
    values = dict(pairs(entry[1]))
    try:
        return PROGRESS.unpack(values[HEAD_FIELD])
    except (KeyError, ValueError):  # an owner's marker, or another release's
        return None
