"""The VAD stage: audio of all legs in, one batched inference per tick, endpointing events out."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from common.audio import SAMPLE_RATE, pcm16_to_float
from common.stage.api import Claim, Effect, Recovery, Snapshot, Work
from vad_worker.framing import FRAME_BYTES, energies
from vad_worker.leg import VadLeg
from vad_worker.model import SileroVad, VadState
from vad_worker.settings import VadSettings


@dataclass(slots=True, eq=False)
class OwnedLeg:
    """A leg and the model's recurrent state for it."""

    leg: VadLeg
    model: VadState


class VadStage:
    """Runs Silero over the new frames of every owned leg at once."""

    name = "vad"
    finishes = False
    rings = False
    output = "speech"

    def __init__(self, settings: VadSettings, load: Callable[[], SileroVad]) -> None:
        self.tick = settings.vad_tick_ms / 1000
        self._load = load
        self._heard = 0

    async def start(self, wake: Callable[[OwnedLeg], None]) -> None:
        """Load the model."""
        self._vad = await asyncio.to_thread(self._load)

    def fences(self, claim_key: str) -> Sequence[str]:
        """See `Stage.fences`."""
        return ("ckpt:vad", "speech")

    def open(self, claim: Claim, recovery: Recovery) -> OwnedLeg:
        """See `Stage.open`."""
        saved = recovery.state
        model = self._vad.open() if saved is None else self._vad.load_state(saved["model"])
        return OwnedLeg(VadLeg(claim.leg, claim.body, recovery), model)

    def give_up(self, claim: Claim) -> Sequence[Effect]:
        """See `Stage.give_up`; the gateway notices a leg that nobody works on."""
        return []

    def inputs(self, state: OwnedLeg) -> Mapping[str, bytes]:
        """See `Stage.inputs`."""
        return {state.leg.source: state.leg.cursor}

    async def step(self, work: Sequence[Work[OwnedLeg]]) -> Sequence[Sequence[Effect]]:
        """Advance every leg by what arrived for it."""
        taken = [owned.leg.take(entries) for owned, entries in work]
        # One conversion for all legs: numpy's cost per call is that of a whole frame.
        samples = pcm16_to_float(b"".join(taken))
        self._heard += len(samples)
        levels = energies(samples).tolist()
        counts = [len(pcm) // FRAME_BYTES for pcm in taken]
        # Not in a thread: that costs a tenth more, and the turn would wait for it all the same.
        batch = self._vad.run([owned.model for owned, _ in work], counts, samples)
        probabilities = batch.tolist()
        effects: list[Sequence[Effect]] = []
        end = 0
        for (owned, _), count in zip(work, counts, strict=True):
            start, end = end, end + count
            effects.append(owned.leg.conclude(probabilities[start:end], levels[start:end]))
        return effects

    def snapshot(self, state: OwnedLeg) -> Snapshot:
        """See `Stage.snapshot`."""
        return state.leg.snapshot(state.model.dump())

    def committed(self, state: OwnedLeg, number: int) -> None:
        """See `Stage.committed`."""
        state.leg.committed(number)

    def close(self, state: OwnedLeg) -> None:
        """Nothing outlives the state."""

    def vitals(self) -> Mapping[str, float]:
        """See `Stage.vitals`; `audio`: seconds of it that were heard so far, of all legs."""
        return {"audio": self._heard / SAMPLE_RATE}

    async def watch(self) -> None:
        """See `Stage.watch`; the model lives in this process."""
        await asyncio.Event().wait()

    async def stop(self) -> None:
        """Nothing to close."""
