"""From a client's bytes to the audio streams of its legs: what one connection adds to a call."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple, Protocol

from common.audio import BYTES_PER_SAMPLE, SAMPLE_RATE, seconds
from common.bus import wire
from common.bus.keys import Leg
from common.bus.wire import StreamId
from common.options import SessionOptions
from common.pipeline.control import HIDDEN_DIGIT, Command, Configure, Digit, End, Flush, Hint
from common.telemetry.logs import Log
from common.telemetry.metrics import GatewayMetrics
from gateway.protocols.api import ClientError
from gateway.protocols.commands import ACK, AudioFormat, Coding
from gateway.protocols.events import AudioAck, Event, Heard
from gateway.record import SessionRecord
from gateway.uplink.arrivals import Arrivals
from gateway.uplink.decoder import AudioDecoder, resume_frame
from gateway.uplink.inflow import Inflow
from gateway.uplink.leg import LegUplink, StoredLeg
from gateway.uplink.stored import AHEAD
from gateway.uplink.throttle import Throttle
from gateway.uplink.writer import MOST_WAITING, Uplink

_NOTE_EVERY = SAMPLE_RATE // 2
"""Samples between two updates of what need not know of every frame."""
_ACK_BEHIND = 2 * SAMPLE_RATE
"""Samples between an acknowledgement and what is written: a Redis that fails over, or whose machine
dies with an AOF synced each second, may come back without the newest second."""

_FLUSHES_KEPT = 64


_log = Log(__name__)


class Flushed(NamedTuple):
    """A flush: its id in the audio, and since when it is known (monotonic clock, s)."""

    at: StreamId
    since: float


class Speaker(Protocol):
    """The client of a call, as what it says is taken in."""

    def tell(self, events: Sequence[Event]) -> None:
        """Tell the client of these events."""

    def object(self, error: ClientError) -> None:
        """Tell the client what is wrong with its audio."""


class Intake:
    """All legs of one call, in step, as written by one owner.

    For a resumed call, `stored` is what Redis has of each leg, and the audio goes on from the
    client's frame `start`. If the client wants acknowledgements, it is told about once a second of
    a frame before which it need keep nothing. `on_superseded` is called when Redis says that the
    call has another owner, or is gone.

    Compressed audio (`coding`) is decoded in a thread; what was asked for behind it waits until it
    is. The client is told of the position of its end, and of what is wrong with it.
    """

    def __init__(
        self,
        uplink: Uplink,
        metrics: GatewayMetrics,
        session: str,
        owner: str,
        record: SessionRecord,
        throttle: Throttle,
        client: Speaker,
        *,
        stored: Sequence[StoredLeg] = (),
        on_superseded: Callable[[], None],
        coding: Coding | None = None,
    ) -> None:
        self.record = record
        """The terms of the call; whether it is denoised was settled when it was opened."""
        self.start = resume_frame(
            record.audio, min((leg.last.position for leg in stored), default=0)
        )
        self._ingest = AudioDecoder(record.audio, start=self.start)
        self.arrivals = Arrivals(self._ingest.position)
        self._uplink = uplink
        self._metrics = metrics
        self._throttle = throttle
        self._client = client
        self._acknowledges = ACK in record.events
        self._acked = 0
        self._unnoted = 0
        self._noted = False
        self._attached = False
        self.flushes: deque[Flushed] = deque(maxlen=_FLUSHES_KEPT)
        """Those that VAD may not have heard, oldest first."""
        self._inflow = None
        if coding is not None:
            channels = record.audio.channels
            self._inflow = Inflow(coding, channels, throttle, self._decoded, client.object)
        self.legs = [
            LegUplink(
                Leg(session, channel),
                owner,
                start=self._ingest.position,
                last=stored[channel].last if stored else wire.NOTHING,
                stored=self.arrivals.stored,
                came=self._came,
                on_written=self._written,
                on_superseded=on_superseded,
                on_deleted=partial(self._flush_again, channel),
                recorded=record.options.record if record.recorded else None,
            )
            for channel in range(record.audio.channels)
        ]

    @property
    def position(self) -> int:
        """Where the audio accepted so far ends, in 16 kHz samples."""
        return self.legs[0].position

    @property
    def runs_ahead(self) -> bool:
        """Whether audio comes faster than it is spoken, or is paused because it did."""
        return self._throttle.stored or self.arrivals.ahead > AHEAD

    @property
    def truncated(self) -> ClientError | None:
        """See `AudioDecoder.truncated`."""
        return self._ingest.truncated

    def push(self, data: bytes) -> None:
        """Accept audio in the client's format."""
        if self._inflow is not None:
            self._inflow.push(data)
            return
        self._grow(self._ingest.push(data))
        self._wake()

    def reformat(self, audio: AudioFormat) -> None:
        """Read the client's audio in another format from here on; its channels stay."""
        self._grow(self._ingest.flush())
        self._ingest = AudioDecoder(audio, origin=self._ingest.position)

    def skip(self, frames: int) -> None:
        """Leave out frames of the client that will never come: workers report a gap."""
        self._grow(self._ingest.flush())
        self._ingest.skip(frames)
        for leg in self.legs:
            leg.skip(self._ingest.position)

    def digit(self, channel: int, digit: str, ordinal: int) -> None:
        """Report a DTMF digit after the audio so far, or only that there was one."""
        digit = HIDDEN_DIGIT if self.record.options.hides_digits else digit
        self._behind(lambda: self._control(Digit(channel, digit), ordinal))

    def hint(self, hint: Hint) -> None:
        """Say how long a pause may be, after the audio so far."""
        for leg in self.legs:
            leg.control(hint)
        self._wake()

    def flush(self, ordinal: int) -> None:
        """End the legs' open utterances after the audio so far."""
        self._behind(lambda: self._flush(ordinal))

    def repeat(self, lost: "Flushed") -> None:
        """Flush once more, for one that Redis has lost."""
        _log.warning("flush.lost", session=self.legs[0].leg.session, position=lost.at.position)
        self.flushes.remove(lost)
        self._flush(0)

    def configure(self, options: SessionOptions, ordinal: int) -> None:
        """Let new options take effect after the audio so far."""
        self.record = replace(self.record, options=options)
        packed = self.record.pack_options()
        self._behind(lambda: self._configure(options, ordinal, packed))

    def finish(self, ordinal: int) -> None:
        """End the legs after the audio so far."""
        if self._inflow is not None:
            self._inflow.finish(lambda: self._finish(ordinal))
        else:
            self._finish(ordinal)

    def attach(self) -> None:
        """Begin to write: Redis holds the call."""
        self._attached = True
        for leg in self.legs:
            self._uplink.add(leg)
        self._wake()

    def detach(self) -> None:
        """Stop decoding, and repeating what Redis loses."""
        if self._inflow is not None:
            self._inflow.close()
        for leg in self.legs:
            self._uplink.remove(leg)

    def _came(self, position: int) -> float | None:
        """Return when the audio before a position came, by Redis's clock, if it comes live."""
        if not self.arrivals.live:
            return None
        received = self.arrivals.received.when(position)
        return None if received is None else self._uplink.clock.at(received)

    def _behind(self, action: Callable[[], None]) -> None:
        """Do something once all audio so far is decoded."""
        if self._inflow is not None:
            self._inflow.then(action)
        else:
            action()

    def _decoded(self, pcm: bytes) -> None:
        self._grow(self._ingest.push(pcm))
        self._wake()
        self._client.tell([Heard(self.position)])

    def _configure(self, options: SessionOptions, ordinal: int, packed: bytes) -> None:
        self._control(Configure(options), ordinal, options=packed)
        for leg in self.legs:
            leg.record(options.record)

    def _flush(self, ordinal: int) -> None:
        self._grow(self._ingest.flush())
        self._control(Flush(), ordinal)
        self.flushes.append(Flushed(self.legs[0].end, time.monotonic()))

    def _flush_again(self, channel: int) -> None:
        """Flush once more for each flush that was lost with the stream of a leg."""
        leg = self.legs[channel]
        for lost in [each for each in self.flushes if not leg.holds(each.at)]:
            self.repeat(lost)

    def _finish(self, ordinal: int) -> None:
        self._grow(self._ingest.flush())
        self._note()
        self._control(End(), ordinal, ends=True)

    def _grow(self, pieces: Sequence[bytes]) -> None:
        if not pieces[0]:
            return
        for leg, pcm in zip(self.legs, pieces, strict=True):
            leg.audio(pcm)
        self.arrivals.note(self.position)
        self._unnoted += len(pieces[0]) // BYTES_PER_SAMPLE
        if self._unnoted >= _NOTE_EVERY or not self._noted:
            self._note()

    def _note(self) -> None:
        """Count new audio, for what need not be updated with every frame."""
        samples, self._unnoted = self._unnoted, 0
        self._noted = True
        self._metrics.audio.inc(seconds(samples) * len(self.legs))
        self._throttle.pace(samples)

    def _control(
        self, command: Command, ordinal: int, *, ends: bool = False, options: bytes = b""
    ) -> None:
        self.arrivals.note_control(self.position)
        for leg in self.legs:
            leg.control(command, ordinal=ordinal, ends=ends, options=options)
        self._wake()

    def _wake(self) -> None:
        for leg in self.legs:
            if leg.waiting > MOST_WAITING:
                self._throttle.store(leg.waiting)
            if self._attached:
                self._uplink.touch(leg)

    def _written(self) -> None:
        if self._throttle.full:
            self._throttle.store(max(leg.waiting for leg in self.legs))
        if not self._acknowledges:
            return
        safe = min(leg.written for leg in self.legs) - _ACK_BEHIND
        if safe - self._acked >= SAMPLE_RATE:
            self._acked = safe
            self._client.tell([AudioAck(resume_frame(self.record.audio, safe))])
