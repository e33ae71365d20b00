"""What one leg has sent and Redis does not have yet, as the commands that will write it.

This is the path every frame takes, so it encodes RESP itself and writes one XADD per leg and tick
however many messages arrived. The id is the position the audio ends at, hence a write that is
repeated after a broken connection is refused by Redis and counts as done.
"""

from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from common.audio import BYTES_PER_SAMPLE, SAMPLE_RATE
from common.bus import keys, scripts, wire
from common.bus.keys import Leg
from common.bus.link import Part, encode
from common.bus.wire import Mark

_LONGEST_ENTRY = 16_000
"""Bytes of audio in one entry (0.5 s): readers take so many entries, not bytes, in one step."""
_REPEATABLE = 3 * SAMPLE_RATE
"""Written audio kept to be written again. A Redis that failed over, or restarted with an AOF that
is synced each second, comes back at most some two seconds older than what it acknowledged."""

_TRANSACTION = encode([("MULTI",)]), encode([("EXEC",)])


_Entry: TypeAlias = tuple[int, int, bytes]
"""Position and order of what is written, and the audio, or a control's whole command. A tuple of
plain values: a hundred are kept of each leg, and of these the garbage collector lets go."""

_AUDIO_FIELD = b"$%d\r\n%b\r\n" % (len(wire.AUDIO_FIELD), wire.AUDIO_FIELD)


class LegUplink:
    """One leg's side of the uplink, written as the session's owner `owner`.

    A leg that is resumed begins at position `start`, and what Redis has up to `last` is not written
    again. `on_written` is called each time Redis has everything taken before, `on_superseded` when
    it says that the session has another owner.
    """

    __slots__ = (
        *("key", "leg", "on_superseded", "on_written", "position", "waiting", "written"),
        *("_append", "_audio", "_create", "_flying", "_fresh", "_held", "_order", "_owner"),
        *("_recent", "_sealed", "_superseded"),
    )

    def __init__(
        self,
        leg: Leg,
        owner: str,
        *,
        start: int = 0,
        last: Mark = wire.NOTHING,
        on_written: Callable[[], None] | None,
        on_superseded: Callable[[], None],
    ) -> None:
        self.leg = leg
        self.position = start
        """Where the audio accepted so far ends, in 16 kHz samples."""
        self.written = last.position
        """Where the audio ends that Redis has."""
        self.waiting = 0
        """Bytes accepted and not yet written."""
        self.on_written = on_written
        self.on_superseded = on_superseded
        self._owner = owner
        self._held = last.position
        self.key = leg.key("audio")
        self._create = b"*5\r\n$4\r\nXADD\r\n$%d\r\n%b\r\n" % (len(self.key), self.key)
        self._append = b"*6" + self._create[2:] + b"$10\r\nNOMKSTREAM\r\n"
        self._audio: list[bytes] = []
        self._sealed: list[_Entry] = []
        self._flying: list[_Entry] = []
        self._recent: deque[_Entry] = deque()
        self._superseded = False
        self._order = wire.AUDIO_ORDER
        self._fresh = True

    def audio(self, pcm: bytes) -> None:
        """Append PCM16LE at 16 kHz."""
        known = self._held - self.position
        self.position += len(pcm) // BYTES_PER_SAMPLE
        if known > 0:
            pcm = pcm[known * BYTES_PER_SAMPLE :]
            if not pcm:
                return
        self._audio.append(pcm)
        self.waiting += len(pcm)
        self._order = wire.AUDIO_ORDER

    def control(
        self, body: wire.Body, *, ordinal: int = 0, ends: bool = False, options: bytes = b""
    ) -> None:
        """Append a control that takes effect after the audio so far.

        `ordinal` numbers the client's controls from 1; 0 is the gateway's own. Nothing follows one
        that `ends`. `options` replaces the session's options at the same moment.
        """
        self._seal()
        self._order += 1
        packed = wire.pack(body)
        arguments = (self._owner, self.position, self._order, packed, self.leg.channel)
        call = (*arguments, ordinal, "1" if ends else "", options)
        # Not by its digest: a Redis that has just restarted knows none, amid this batch.
        command = encode([("EVAL", scripts.CONTROL.source, 2, self.key, self.leg.meta, *call)])
        self._sealed.append((self.position, self._order, command))
        self.waiting += len(command)

    def take(self) -> Part | None:
        """Return what is to be written next, None if nothing is; `settle` or `put_back` follows.

        Several commands are one transaction: Redis must not refuse one, because its memory is full
        for a moment, and accept the next, behind which the first has no place any more. A control
        ends it: if that is refused, because the session has another owner, what comes after it
        must not be written either, or the next owner's control would come too late.
        """
        self._seal()
        if self._superseded or not self._sealed:
            return None
        if len(self._sealed) == 1 and _is_audio(self._sealed[0]) and not self._fresh:
            self._flying, self._sealed = self._sealed, []
            return self.key, _command(self._append, self._flying[0]), 1
        count = next((i for i, each in enumerate(self._sealed, 1) if not _is_audio(each)), None)
        self._flying, self._sealed = self._sealed[:count], self._sealed[count:] if count else []
        # Only the first may make the stream: a late one would bring back a call that is over.
        head = self._create if self._fresh else self._append
        commands = [_command(head, entry) for entry in self._flying]
        if self._fresh:
            commands.append(encode([("EXPIRE", self.key, keys.SESSION_TTL)]))
        if len(commands) == 1:
            return self.key, commands[0], 1
        begin, end = _TRANSACTION
        return self.key, b"".join([begin, *commands, end]), len(commands) + 2

    def settle(self, owned: bool) -> bool:
        """Learn that Redis has what was taken, unless the session is not `owned` any more.

        Returns whether more is to be taken.
        """
        flying, self._flying = self._flying, []
        for _, _, content in flying:
            self.waiting -= len(content)
        self._fresh = False
        if not owned:
            self._superseded = True
            self.on_superseded()
            return False
        self.written = max(self.written, flying[-1][0])
        recent, oldest = self._recent, self.written - _REPEATABLE
        recent.extend(flying)
        while recent and recent[0][0] < oldest:
            recent.popleft()
        if self.on_written is not None:
            self.on_written()
        return bool(self._sealed)

    def put_back(self) -> None:
        """Have what was taken be taken again: whether Redis has it is not known."""
        self._sealed[:0], self._flying = self._flying, []

    def rewind(self, last: Mark) -> int:
        """Have everything behind `last` written again, as far as it is kept; return the samples.

        For a Redis that has come back older than what it had acknowledged.
        """
        lost = [entry for entry in self._recent if entry[:2] > last]
        for _ in lost:
            self._recent.pop()
        self._sealed[:0] = lost
        self.waiting += sum(len(content) for _, _, content in lost)
        self._fresh = True
        return max(0, self.written - last.position) if lost else 0

    def _seal(self) -> None:
        if not self._audio:
            return
        audio = self._audio[0] if len(self._audio) == 1 else b"".join(self._audio)
        self._audio.clear()
        start = self.position - len(audio) // BYTES_PER_SAMPLE
        for cut in range(0, len(audio), _LONGEST_ENTRY):
            piece = audio[cut : cut + _LONGEST_ENTRY]
            end = start + (cut + len(piece)) // BYTES_PER_SAMPLE
            self._sealed.append((end, wire.AUDIO_ORDER, piece))


def _is_audio(entry: _Entry) -> bool:
    return entry[1] == wire.AUDIO_ORDER


def _command(head: bytes, entry: _Entry) -> bytes:
    """Return the command that writes an entry; `head` begins it where that is audio."""
    position, order, content = entry
    if order != wire.AUDIO_ORDER:
        return content
    name = b"%d-%d" % (position, order)
    return b"%b$%d\r\n%b\r\n%b$%d\r\n%b\r\n" % (
        *(head, len(name), name),
        *(_AUDIO_FIELD, len(content), content),
    )
