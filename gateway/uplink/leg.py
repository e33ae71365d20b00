"""One leg's audio and controls that Redis does not have yet, as the commands to write them.

Every frame takes this path, so it writes one entry per leg and tick, however many messages arrived.
The id of an entry is the position where its audio ends. So Redis refuses a write that is repeated
after a broken connection, and that counts as done.
"""

import itertools
from collections import deque
from collections.abc import Callable
from math import inf
from typing import NamedTuple, TypeAlias

from common.audio import BYTES_PER_SAMPLE, SAMPLE_RATE
from common.bus import wire
from common.bus.audio_writer import AudioWriter
from common.bus.keys import Leg
from common.bus.wire import StreamId
from common.pipeline import control
from common.redis.resp import Part, transaction
from gateway.uplink.marks import Marks

_LONGEST_ENTRY = 8_000
"""Bytes of audio in one entry (0.25 s): readers limit a step by entries, not by bytes."""
_STAMPED_EVERY = SAMPLE_RATE // 4
"""Samples between two entries that say when their audio came: workers tell by them how late they
are, each half second."""
_MOST_ENTRIES = 8
"""Entries written at a time: a live caller's audio must not wait behind a minute of another's."""
_REPEATABLE_S = 3.0
"""Seconds, of the clock and of audio, for which what was written is kept to be written again. A
Redis that failed over, or restarted with an AOF that is synced each second, comes back at most some
two seconds older than what it acknowledged. Audio alone would not do: a client that sends none may
still send controls."""
_REPEATABLE = round(_REPEATABLE_S * SAMPLE_RATE)


_Entry: TypeAlias = tuple[int, int, bytes]
"""Position and order of an entry, and its audio, or what `AudioWriter.control` returned. A hundred
are kept of each leg, as tuples of plain values, which the garbage collector stops tracking."""


class StoredLeg(NamedTuple):
    """What Redis has of a leg's audio: everything up to `last`; if `ended`, nothing follows."""

    last: StreamId
    ended: bool


class LegUplink:
    """One leg's side of the uplink, written as the session's owner `owner`.

    A resumed leg begins at position `start`; what Redis has, up to `last`, is not written again.
    `stored` takes note of what Redis has. `came` tells when the audio before a position came, s
    since 1970 by Redis's clock, None where that does not matter or is not known. `on_written` is
    called each time Redis has everything taken before. `on_superseded` is called when Redis says
    that the session has another owner, `on_deleted` when it has lost the stream, and what is kept
    of it is about to be written again.

    `recorded`: the audio is written to be recorded, too, and before: what Redis has of a leg, it
    has of its recording. None if the call is not recorded.
    """

    __slots__ = (
        *("key", "leg", "on_deleted", "on_superseded", "on_written", "owner", "position"),
        *("waiting", "written"),
        *("_audio", "_came", "_flying", "_fresh", "_held", "_order", "_recent", "_sealed"),
        *("_settled", "_stamp_due", "_stored", "_superseded", "_switched", "_writer"),
    )

    def __init__(
        self,
        leg: Leg,
        owner: str,
        *,
        start: int = 0,
        last: StreamId = wire.NOTHING,
        stored: Marks,
        came: Callable[[int], float | None],
        on_written: Callable[[], None],
        on_superseded: Callable[[], None],
        on_deleted: Callable[[], None],
        recorded: bool | None = None,
    ) -> None:
        self.leg = leg
        self.owner = owner
        self.position = start
        """Where the audio accepted so far ends, in 16 kHz samples."""
        self.written = last.position
        """Where the audio in Redis ends."""
        self.waiting = 0
        """Bytes accepted and not yet written."""
        self.on_written = on_written
        self.on_superseded = on_superseded
        self.on_deleted = on_deleted
        self._stored = stored
        self._came = came
        self._stamp_due = start + _STAMPED_EVERY
        self._writer = AudioWriter(leg, owner)
        self._held = last.position
        self.key = self._writer.key
        self._audio: list[bytes] = []
        self._sealed: list[_Entry] = []
        self._flying: list[_Entry] = []
        self._recent: deque[tuple[float, _Entry]] = deque()
        """What was written, and since when that is known."""
        self._settled = -inf
        self._superseded = False
        self._order = wire.AUDIO_ORDER
        self._fresh = True
        self._switched = [] if recorded is None else [(start, recorded)]
        """From where on audio is recorded, and from where on not; in order."""

    @property
    def end(self) -> StreamId:
        """The id of the newest control, or of the audio accepted since."""
        return StreamId(self.position, self._order)

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

    def skip(self, position: int) -> None:
        """Go on at a later position; there is no audio before it."""
        self._seal()
        self.position = position

    def record(self, on: bool) -> None:
        """Record the audio from here on, or do not, if the call is recorded."""
        if self._switched and self._switched[-1][1] != on:
            self._seal()
            self._switched.append((self.position, on))
            while self._switched[1][0] <= self.written - _REPEATABLE:
                del self._switched[0]

    def control(
        self, asked: control.Command, *, ordinal: int = 0, ends: bool = False, options: bytes = b""
    ) -> None:
        """Append a control that takes effect after the audio so far.

        `ordinal` numbers the client's controls from 1; 0 is the gateway's own. Nothing follows one
        that `ends`. `options` replaces the session's options at the same moment.
        """
        self._seal()
        self._order += 1
        at = (self.position, self._order)
        variable = self._writer.control(*at, asked, ordinal=ordinal, ends=ends, options=options)
        self._sealed.append((*at, variable))
        self.waiting += len(variable)

    def dequeue(self) -> Part | None:
        """Return what is to be written next, None if nothing is; `settle` or `put_back` follows.

        Several commands are one transaction. Otherwise Redis, with its memory full for a moment,
        could refuse one and accept the next: the first would then be too old to be written. A
        control ends the transaction. If it is refused because the session has another owner,
        nothing after it must be written either, or the next owner's control would come too late.
        """
        self._seal()
        if self._superseded or not self._sealed:
            return None
        alone = len(self._sealed) == 1 and not self._fresh and not self._switched
        if alone and _is_audio(self._sealed[0]):
            self._flying, self._sealed = self._sealed, []
            return self.key, self._command(*self._flying[0]), 1
        first = itertools.islice(self._sealed, _MOST_ENTRIES)
        count = next((i for i, each in enumerate(first, 1) if not _is_audio(each)), _MOST_ENTRIES)
        self._flying, self._sealed = self._sealed[:count], self._sealed[count:]
        commands = [command for entry in self._flying for command in self._commands(*entry)]
        if self._fresh:
            commands.append(self._writer.renew())
            if self._switched:
                commands[:0] = self._writer.begin_record()
        if len(commands) == 1:
            return self.key, commands[0], 1
        return self.key, transaction(commands), len(commands) + 2

    def settle(self, owned: bool, now: float) -> bool:
        """Take note that Redis has what was taken, unless the session is no longer `owned`.

        `now` is by the monotonic clock. Returns whether more is to be taken.
        """
        flying, self._flying = self._flying, []
        for _, _, content in flying:
            self.waiting -= len(content)
        self._fresh = False
        if not owned:
            self._superseded = True
            self.on_superseded()
            return False
        end, order, _ = flying[-1]
        self.written = max(self.written, end)
        if order == wire.AUDIO_ORDER:
            self._stored.audio(end, now)
        else:
            self._stored.control(end, now)
        recent, oldest = self._recent, self.written - _REPEATABLE
        # What flew left after the last settling, so Redis lived then. It may be dead by `now`.
        before, self._settled = self._settled - _REPEATABLE_S, now
        recent.extend([(now, entry) for entry in flying])
        while recent and (recent[0][1][0] < oldest or recent[0][0] < before):
            recent.popleft()
        self.on_written()
        return bool(self._sealed)

    def holds(self, written: StreamId) -> bool:
        """Whether an entry is to be written, or to be written again."""
        return any(entry[:2] == written for entry in self._sealed)

    def put_back(self) -> None:
        """Put back what was taken, to be taken again: it is unknown whether Redis has it."""
        self._sealed[:0], self._flying = self._flying, []
        self._stamp_due = 0

    def rewind(self, last: StreamId) -> int:
        """Write everything after `last` again, as far as it is kept; return the samples.

        This is for a Redis that has come back with older data than it had acknowledged, or that has
        deleted the stream.
        """
        lost = [entry for _, entry in self._recent if entry[:2] > last]
        for _ in lost:
            self._recent.pop()
        self._sealed[:0] = lost
        self.waiting += sum(len(content) for _, _, content in lost)
        self._fresh = True
        return max(0, self.written - last.position) if lost else 0

    def _commands(self, at: int, order: int, content: bytes) -> list[bytes]:
        command = self._command(at, order, content)
        if order != wire.AUDIO_ORDER or not self._records(at):
            return [command]
        return [self._writer.record(at, content), command]

    def _records(self, end: int) -> bool:
        """Tell whether an entry that ends there is recorded: none is on both sides of a switch."""
        return next((on for since, on in reversed(self._switched) if since < end), False)

    def _command(self, at: int, order: int, content: bytes) -> bytes:
        if order != wire.AUDIO_ORDER:
            return self._writer.write_control(content)
        # Only the first may create the stream: a late one would recreate it after the call is over.
        if self._fresh:
            return self._writer.audio(at, content, begin=True)
        if at < self._stamp_due or (came := self._came(at)) is None:
            return self._writer.audio(at, content)
        self._stamp_due = at + _STAMPED_EVERY
        return self._writer.stamped(at, content, came)

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
