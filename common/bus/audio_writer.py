"""The commands that write one leg's audio, encoded.

Every frame takes this path, so the constant part of a command is encoded once per leg. A control
that may have to be written again is kept without its constant part: that is a script's source.
"""

from collections.abc import Sequence

from common.bus import commands, scripts, wire
from common.bus.keys import Leg
from common.pipeline.control import Command
from common.pipeline.record import pack
from common.pipeline.streams import AUDIO, RECORDED
from common.redis.resp import encode
from common.redis.script import by_source

_BEGINNING = wire.entry_id(0, wire.AUDIO_ORDER)
_FIELD = b"$%d\r\n%b\r\n" % (len(wire.AUDIO_FIELD), wire.AUDIO_FIELD)
_CAME = b"$%d\r\n%b\r\n" % (len(wire.CAME_FIELD), wire.CAME_FIELD)


class AudioWriter:
    """Encodes the writes of the session's owner `owner` to the audio stream of a leg."""

    __slots__ = (
        *("_append", "_begin", "_evaluate", "_leg", "_record", "_recorded", "_stamp", "key"),
    )

    def __init__(self, leg: Leg, owner: str) -> None:
        self.key = key = leg.key(AUDIO)
        self._leg = leg
        self._begin = b"*5\r\n$4\r\nXADD\r\n$%d\r\n%b\r\n" % (len(key), key)
        self._append = b"*6" + self._begin[2:] + b"$10\r\nNOMKSTREAM\r\n"
        self._stamp = b"*8" + self._append[2:]
        self._recorded = leg.key(RECORDED)
        self._record = encode([("XADD", self._recorded, "NOMKSTREAM")]).replace(b"*3", b"*6", 1)
        # Not by its digest: Redis may have restarted in the middle of this batch, and know none.
        self._evaluate = (*by_source(scripts.CONTROL, (key, leg.meta), ()), owner)

    def audio(self, end: int, pcm: bytes, *, begin: bool = False) -> bytes:
        """Return the command that appends PCM16LE ending at position `end`.

        Only with `begin` does it create a missing stream.
        """
        head = self._begin if begin else self._append
        return self._entry(head, end, pcm)

    def stamped(self, end: int, pcm: bytes, came: float) -> bytes:
        """Return the same, not to create the stream, with a stamp: when the audio came."""
        stamp = wire.came(came)
        entry = self._entry(self._stamp, end, pcm)
        return b"%b%b$%d\r\n%b\r\n" % (entry, _CAME, len(stamp), stamp)

    def control(
        self,
        position: int,
        order: int,
        asked: Command,
        *,
        ordinal: int,
        ends: bool,
        options: bytes,
    ) -> bytes:
        """Return what `write_control` needs to put a control behind the audio."""
        body, last = pack(asked), "1" if ends else ""
        return encode([(position, order, body, self._leg.channel, ordinal, last, options)])

    def write_control(self, variable: bytes) -> bytes:
        """Return the command that `control` has begun; see `control.lua`."""
        # Each part begins with the count of what it holds: *6, and *7.
        return b"*13" + encode([self._evaluate])[2:] + variable[4:]

    def begin_record(self) -> Sequence[bytes]:
        """Return the commands that make the stream of what is recorded, or let it live on."""
        create = commands.append(self._recorded, _BEGINNING, wire.AUDIO_FIELD, b"")
        return [encode([each]) for each in (create, *commands.renew([self._recorded]))]

    def record(self, end: int, pcm: bytes) -> bytes:
        """Return the command that appends to what is recorded, if its stream is there."""
        return self._entry(self._record, end, pcm)

    def renew(self) -> bytes:
        """Return the command that renews the stream for the lifetime of a session."""
        return encode(commands.renew([self.key]))

    @staticmethod
    def _entry(head: bytes, end: int, pcm: bytes) -> bytes:
        name = b"%d-%d" % (end, wire.AUDIO_ORDER)
        return b"%b$%d\r\n%b\r\n%b$%d\r\n%b\r\n" % (head, len(name), name, _FIELD, len(pcm), pcm)
