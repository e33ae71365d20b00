"""The VAD stage: audio of all legs in, one batched inference per tick, endpointing events out."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from common.audio import SAMPLE_RATE, pcm16_to_float, seconds
from common.pipeline.report import VadLoad
from common.pipeline.stages import VAD
from common.pipeline.streams import SOURCES
from common.pipeline.work import LegWork
from common.stage.api import (
    Assignment,
    Effect,
    Fail,
    Offer,
    Outcome,
    Recovery,
    Snapshot,
    Source,
    Stage,
    Work,
    attempt,
)
from common.telemetry.metrics import VadMetrics
from vad_worker.api import Engine, State
from vad_worker.checkpoint import CHECKPOINT
from vad_worker.framing import FRAME, FRAME_BYTES, energies
from vad_worker.leg import VadLeg
from vad_worker.level import amplify
from vad_worker.line import cut_off
from vad_worker.settings import VadSettings
from vad_worker.tones import digits

_LIVE_AHEAD = 2.0
"""Seconds that live audio may be ahead of the time that has passed: network bursts."""
_PACE_OVER = 3.0
_PACE_WITHIN = 0.5
"""All that came before is read when `_PACE_OVER` seconds or more bring their own length of audio,
within `_PACE_WITHIN`. A single step says nothing: it reads a few entries. In a shorter time, what
comes at 1.3 times its pace would look the same."""
_QUIET_AFTER = 5.0
"""Seconds without audio after which a leg is quiet: less is a stall of its network."""
_MOST_RECORDED = 2
"""Utterances of a recording that may wait for their final; then no more of it is read."""


@dataclass(slots=True, eq=False)
class OwnedLeg:
    """A leg, its recurrent state, and since when and from which position its pace is measured."""

    leg: VadLeg
    model: State
    began: float
    start: int
    catching_up: bool = False
    """Whether it is read faster than it came because it had no owner for a while."""
    paused: bool = False
    """Whether nothing of it was read since the last step, because it was full."""
    _looked: tuple[float, int] = field(init=False)
    """Since when and from which position it may have kept pace."""
    unsettled: int = 0
    """Frames of the open utterance, whose recognition has not cost anything yet."""

    def __post_init__(self) -> None:
        self._looked = self.began, self.leg.position

    @property
    def full(self) -> bool:
        """See `VadStage.full`."""
        leg = self.leg
        return not leg.live and not leg.speaking and leg.unfinished >= _MOST_RECORDED

    def settled(self, frames: int) -> int:
        """Count new frames; return those whose utterances have ended, or that are silence."""
        self.unsettled += frames
        if self.leg.speaking:
            return 0
        frames, self.unsettled = self.unsettled, 0
        return frames

    def note_pace(self, now: float) -> None:
        """Find out whether the audio arrives about as fast as it is spoken.

        What had gathered before, while the leg had no owner or its client none to send to, does not
        count any more once it is read.
        """
        kept_pace = self._kept_pace(now)
        if kept_pace and (self.catching_up or not self.leg.live):
            self.catching_up = False
            self.began, self.start = now, self.leg.position
        if not self.catching_up:
            self.leg.live = self._ahead(self.began, self.start, now) < _LIVE_AHEAD

    def _kept_pace(self, now: float) -> bool:
        """Whether another `_PACE_OVER` seconds have passed that brought their own length of audio.

        A recording that is paused meanwhile may come as slowly.
        """
        began, start = self._looked
        ahead = self._ahead(began, start, now)
        if not self.paused and ahead <= _PACE_WITHIN and now - began < _PACE_OVER:
            return False
        self._looked = now, self.leg.position
        return not self.paused and abs(ahead) <= _PACE_WITHIN

    def _ahead(self, began: float, start: int, now: float) -> float:
        return seconds(self.leg.position - start) - (now - began)


class VadStage(Stage[OwnedLeg, LegWork]):
    """Runs Silero VAD over the new frames of all owned legs in one batch."""

    spec = VAD
    learns_commits = True

    def __init__(
        self, settings: VadSettings, load: Callable[[], Engine[Any]], metrics: VadMetrics
    ) -> None:
        self.tick = settings.vad_tick_ms / 1000
        self._read_model = load
        self._metrics = metrics
        self._settled = 0
        """Frames of live legs, see `OwnedLeg.settled`."""
        self._recordings: set[OwnedLeg] = set()
        self._heard: dict[OwnedLeg, float] = {}
        """When audio of each leg came last."""

    async def start(self) -> None:
        """Load the model."""
        self._vad = await asyncio.to_thread(self._read_model)

    def open(
        self, assignment: Assignment[LegWork], recovery: Recovery, wake: Callable[[], None]
    ) -> OwnedLeg:
        """See `Stage.open`."""
        saved = None if recovery.state is None else CHECKPOINT.unpack(recovery.state)
        model = self._vad.open() if saved is None else self._vad.load_state(saved.model)
        leg = VadLeg(assignment.leg, assignment.work, saved, assignment.owner)
        # A recording goes on as one: it is ahead already.
        start = leg.position - (0 if leg.live else round(_LIVE_AHEAD * SAMPLE_RATE))
        taken_over = saved is not None and leg.live
        owned = OwnedLeg(leg, model, time.monotonic(), start, catching_up=taken_over)
        self._heard[owned] = owned.began
        return owned

    def inputs(self, state: OwnedLeg) -> Mapping[Source, bytes]:
        """See `Stage.inputs`."""
        return {SOURCES[state.leg.source]: state.leg.cursor}

    async def step(self, work: Sequence[Work[OwnedLeg]]) -> Sequence[Outcome]:
        """Advance every leg by what arrived for it."""
        heard = time.time()
        ingested = [attempt(owned.leg.ingest, entries) for owned, entries in work]
        taken = [each if isinstance(each, bytes) else b"" for each in ingested]
        now = time.monotonic()
        for (owned, _), pcm in zip(work, taken, strict=True):
            owned.note_pace(now)
            if pcm:
                self._heard[owned] = now
        # One conversion for all legs: each call into numpy costs as much as a whole frame.
        samples = pcm16_to_float(b"".join(taken))
        levels = energies(samples)
        tones = digits(samples, levels)
        samples.reshape(-1, FRAME)[tones] = 0.0
        counts = [len(pcm) // FRAME_BYTES for pcm in taken]
        clipped = cut_off(samples, levels)
        amplify(samples, np.where(tones, 0.0, levels), [o.leg.level for o, _ in work], counts)
        # Not in a thread: that costs a tenth more, and the turn would still wait for it.
        batch = self._vad.run([owned.model for owned, _ in work], counts, samples)
        probabilities, loudness = batch.tolist(), levels.tolist()
        outcomes: list[Outcome] = []
        decided = time.time()
        end = 0
        for (owned, _), had, count in zip(work, ingested, counts, strict=True):
            start, end = end, end + count
            if isinstance(had, Exception):
                outcomes.append(had)
                continue
            heard_of = probabilities[start:end], loudness[start:end]
            cut = None if clipped is None else clipped[start:end]
            outcomes.append(attempt(owned.leg.conclude, *heard_of, cut, heard=heard, now=decided))
            if owned.leg.missing:
                self._metrics.gaps.inc(seconds(owned.leg.missing))
            owned.paused = owned.full
            settled = owned.settled(count)
            if owned.leg.live:
                self._settled += settled
                self._recordings.discard(owned)
            else:
                self._recordings.add(owned)
        return outcomes

    def give_up(self, assignment: Assignment[LegWork | None]) -> Sequence[Effect]:
        """See `Stage.give_up`; without its speech the leg has no text, so its call is over."""
        return [Fail(assignment.work.gateway if assignment.work else None)]

    def collect(self, states: Sequence[OwnedLeg]) -> None:
        """See `Stage.collect`."""
        self._vad.collect([owned.model for owned in states])

    def snapshot(self, state: OwnedLeg) -> Snapshot:
        """See `Stage.snapshot`."""
        return state.leg.snapshot(state.model.dump())

    def committed(self, state: OwnedLeg, number: int) -> None:
        """See `Stage.committed`."""
        state.leg.committed(number)

    def awaited(self, state: OwnedLeg) -> Mapping[int, Offer]:
        """See `Stage.awaited`."""
        return state.leg.awaited

    def full(self, state: OwnedLeg) -> bool:
        """See `Stage.full`.

        Recordings wait in Redis, not in front of the recognisers. Recognisers take offers in order
        of arrival, so a live call's utterance would wait for all those of the recordings. An open
        utterance is read to its end: the recogniser goes on reading until that is known.
        """
        return state.full

    def close(self, state: OwnedLeg) -> None:
        """See `Stage.close`."""
        self._recordings.discard(state)
        self._heard.pop(state, None)

    def load(self) -> VadLoad:
        """See `Stage.load`."""
        settled = self._settled * FRAME / SAMPLE_RATE
        since = time.monotonic() - _QUIET_AFTER
        # Audio of a recording may wait here for the recogniser; that is no silence.
        quiet = sum(at < since for each, at in self._heard.items() if each.leg.live)
        return VadLoad(audio=settled, recordings=len(self._recordings), quiet=quiet)
