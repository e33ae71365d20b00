"""One call's recording: put aside in parts while it lasts, and made into files once it is over."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from common.audio import BYTES_PER_SAMPLE
from common.bus import commands, keys, scripts, wire
from common.bus.keys import Leg
from common.bus.wire import Chunk
from common.pipeline.streams import META, RECORDED
from common.redis.link import Link
from common.telemetry.logs import Log
from gateway.calls.directory import Known
from gateway.protocols.events import Event
from gateway.readers.reading import read_now
from gateway.recordings.encoding import Encoder
from gateway.recordings.form import Form
from gateway.recordings.parts import PART, Seal, cut
from gateway.recordings.ranges import Range, muted, secret, utterances
from gateway.sinks.storage import Storage, day_of, stem_of

_LONGEST_ENTRY = 4_000
"""Samples that an entry of a stream may have."""
_LAST = 1 << 62

_log = Log(__name__)


class Vanished(Exception):
    """Redis has the call no more: it was erased, or kept for too long."""


@dataclass(slots=True)
class _Progress:
    """How far a leg is put aside, in parts; and where its audio ends, None if nobody knows."""

    parts: int
    end: int | None


class Recording:
    """That of one call. Its methods wait for Redis; all raise Vanished and `Unavailable`."""

    def __init__(self, link: Link, storage: Storage, known: Known, form: Form) -> None:
        self._link = link
        self._storage = storage
        self._known = known
        self._form = form
        self._legs = known.record.legs(known.session)
        self._meta = keys.session_key(known.session, META)
        self._day = day_of(known)
        self._stem = stem_of(known.session)
        self._progress: list[_Progress] = []
        self._seal: Seal | None = None
        self._finished = False
        self._busy = asyncio.Lock()

    async def put_aside(self) -> None:
        """Move every part that is full from Redis to the storage."""
        async with self._busy:
            await self._read_progress()
            if not self._finished:
                await self._put_aside()

    async def conclude(self) -> None:
        """Make the call's files, unless they are made, and remove what was put aside."""
        async with self._busy:
            await self._read_progress()
            if not self._finished:
                await self._put_aside()
                await self._make_files()
                await self._note(None, 1)
            parts = [
                _part(self._stem, leg.channel, number)
                for leg, progress in zip(self._legs, self._progress, strict=True)
                for number in range(progress.parts)
            ]
            await self._storage.remove(parts)
            await self._link.insist([commands.remove(*map(_stream, self._legs))])

    async def _read_progress(self) -> None:
        told = commands.recorded(self._meta, len(self._legs))
        ((key, finished, *of_legs),) = await self._link.insist([told])
        if key is None:
            raise Vanished
        self._seal = Seal(key)
        self._finished = finished is not None
        numbers = [None if each is None else int(each) for each in of_legs]
        self._progress = [
            _Progress(parts or 0, end)
            for parts, end in zip(numbers[::2], numbers[1::2], strict=True)
        ]

    async def _is_finished(self) -> bool:
        told = commands.recorded(self._meta, 0)
        ((key, finished),) = await self._link.insist([told])
        if key is None:
            raise Vanished
        return finished is not None

    async def _note(self, channel: int | None, number: int) -> None:
        arguments = (commands.recorded_of(channel), number)
        (there,) = await self._link.evaluate([(scripts.RECORDED, [self._meta], arguments)])
        if not there:
            # It may have been erased before what was written last.
            await self._storage.clear(f"{self._stem}.")
            raise Vanished

    async def _put_aside(self) -> None:
        facts = await self._link.insist([commands.facts(_stream(leg)) for leg in self._legs])
        for leg, progress, reply in zip(self._legs, self._progress, facts, strict=True):
            if not isinstance(reply, list):
                continue  # nothing came yet, or nothing is left
            end = wire.last_id(reply).position
            while end >= PART * (progress.parts + 1):
                await self._put_part_aside(leg, progress)

    async def _put_part_aside(self, leg: Leg, progress: _Progress) -> None:
        start = PART * progress.parts
        entries, noted = await self._link.insist(
            [
                commands.between(_stream(leg), start, start + PART + _LONGEST_ENTRY),
                # Asked afterwards: another gateway notes a part before it removes its audio.
                commands.aside(self._meta, leg.channel),
            ]
        )
        if int(noted or 0) > progress.parts:
            progress.parts = int(noted)
            return
        pcm = cut(_chunks(entries), start, start + PART)
        if pcm is not None:
            assert self._seal is not None
            sealed = self._seal.close(pcm, leg.channel, progress.parts)
            name = _part(self._stem, leg.channel, progress.parts)
            await self._storage.write(self._day, name, sealed)
        await self._note(leg.channel, progress.parts + 1)
        progress.parts += 1
        await self._link.insist([commands.cut(_stream(leg), start + PART)])

    # --- the files ---

    async def _make_files(self) -> None:
        events, ended = await read_now(self._link, self._known)
        hides = bool(self._known.record.options.redact)
        legs = []
        for leg, progress in zip(self._legs, self._progress, strict=True):
            after = PART * progress.parts
            (tail,) = await self._link.insist([commands.between(_stream(leg), after, _LAST)])
            secrets = secret(events, leg.channel, hides=hides, ended=ended)
            legs.append(_LegAudio(self, leg, progress, _chunks(tail), secrets))
        for name, which, span in self._files(events, max(leg.end for leg in legs)):
            if span.start == span.end:
                continue
            chosen = [legs[channel] for channel in which]
            with _encoded(self._form, len(chosen)) as (encoder, file):
                async for pieces in _pieces(chosen, span):
                    await asyncio.to_thread(encoder.add, pieces)
                await asyncio.to_thread(encoder.close)
                # Not before: another gateway notes that it is done before it removes the parts.
                if await self._is_finished():
                    return
                file.seek(0)
                await self._storage.write(self._day, name, file)

    def _files(
        self, events: Sequence[Event], end: int
    ) -> Iterator[tuple[str, Sequence[int], Range]]:
        """Yield the name of each file, the channels in it, and what of them."""
        suffix, channels = self._form.suffix, range(len(self._legs))
        whole = Range(0, end)
        if self._form.speech:
            for channel in channels:
                for number, span in utterances(events, channel):
                    yield f"{self._stem}.{channel}.{number}.{suffix}", [channel], span
        elif self._form.stereo:
            yield f"{self._stem}.{suffix}", channels, whole
        else:
            for channel in channels:
                yield f"{self._stem}.{channel}.{suffix}", [channel], whole

    async def part(self, channel: int, number: int) -> bytes | None:
        """Return the audio of a part that was put aside; None if nothing was recorded then."""
        sealed = await self._storage.read(self._day, _part(self._stem, channel, number))
        assert self._seal is not None
        pcm = None if sealed is None else self._seal.open(sealed, channel, number)
        if sealed is not None and pcm is None:
            _log.error("recording.unreadable", session=self._known.session, part=number)
        return pcm


class _LegAudio:
    """The audio of a leg, muted: what is put aside, and what Redis still has of it."""

    def __init__(
        self,
        recording: Recording,
        leg: Leg,
        progress: _Progress,
        tail: Sequence[Chunk],
        secrets: Sequence[Range],
    ) -> None:
        self._recording = recording
        self._channel = leg.channel
        self._aside = progress.parts
        self._tail = tail
        self._secrets = secrets
        self._last: tuple[int, bytes] = (-1, b"")
        recorded = max((chunk.end for chunk in tail), default=PART * progress.parts)
        self.end = max(recorded, progress.end or 0)
        """Its position; what was not recorded before it is silence."""

    async def read(self, start: int, end: int) -> bytes:
        """Return [start, end), which is within one part."""
        number = start // PART
        if number != self._last[0]:
            self._last = number, await self._part(number)
        first = (start - PART * number) * BYTES_PER_SAMPLE
        pcm = self._last[1][first : first + (end - start) * BYTES_PER_SAMPLE]
        return muted(pcm, start, self._secrets)

    async def _part(self, number: int) -> bytes:
        if number < self._aside:
            pcm = await self._recording.part(self._channel, number)
        else:
            pcm = cut(self._tail, PART * number, PART * (number + 1))
        return pcm or bytes(PART * BYTES_PER_SAMPLE)


async def _pieces(legs: Sequence[_LegAudio], span: Range) -> AsyncGenerator[list[bytes]]:
    at = span.start
    while at < span.end:
        end = min(span.end, (at // PART + 1) * PART)
        yield [await leg.read(at, end) for leg in legs]
        at = end


@contextmanager
def _encoded(form: Form, channels: int) -> Iterator[tuple[Encoder, IO[bytes]]]:
    with tempfile.TemporaryFile() as file:
        yield Encoder(file, form.format, channels), file


def _chunks(entries: Sequence[wire.RawEntry]) -> list[Chunk]:
    return [each for each in map(wire.read_source, entries) if isinstance(each, Chunk)]


def _part(stem: str, channel: int, number: int) -> str:
    return f"{stem}.{channel}.{number:06}.part"


def _stream(leg: Leg) -> bytes:
    return leg.key(RECORDED)
