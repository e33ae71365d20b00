"""The commands that write one leg's audio, encoded.

Every frame takes this path, so the constant part of a command is encoded once per leg. A control
that may have to be written again is kept without its constant part: that is a script's source.
"""

from common.bus import commands, scripts, wire
from common.bus.keys import Leg
from common.pipeline.control import Command
from common.pipeline.record import pack
from common.pipeline.streams import AUDIO
from common.redis.resp import encode
from common.redis.script import by_source

_FIELD = b"$%d\r\n%b\r\n" % (len(wire.AUDIO_FIELD), wire.AUDIO_FIELD)


class AudioWriter:
    """Encodes the writes of the session's owner `owner` to the audio stream of a leg."""

    __slots__ = ("_append", "_begin", "_evaluate", "_leg", "key")

    def __init__(self, leg: Leg, owner: str) -> None:
        self.key = key = leg.key(AUDIO)
        self._leg = leg
        self._begin = b"*5\r\n$4\r\nXADD\r\n$%d\r\n%b\r\n" % (len(key), key)
        self._append = b"*6" + self._begin[2:] + b"$10\r\nNOMKSTREAM\r\n"
        # Not by its digest: Redis may have restarted in the middle of this batch, and know none.
        self._evaluate = (*by_source(scripts.CONTROL, (key, leg.meta), ()), owner)

    def audio(self, end: int, pcm: bytes, *, begin: bool = False) -> bytes:
        """Return the command that appends PCM16LE ending at position `end`.

        Only with `begin` does it create a missing stream.
        """
        name = b"%d-%d" % (end, wire.AUDIO_ORDER)
        head = self._begin if begin else self._append
        return b"%b$%d\r\n%b\r\n%b$%d\r\n%b\r\n" % (head, len(name), name, _FIELD, len(pcm), pcm)

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

    def renew(self) -> bytes:
        """Return the command that renews the stream for the lifetime of a session."""
        return encode(commands.renew([self.key]))
