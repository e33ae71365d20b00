"""One leg through the denoiser: audio in by position, clean audio out at the same positions.

The model's output trails its input by a few hundredths of a second. A control must not come before
audio it follows, yet must not wait for audio that may never come: what the model still holds at a
control is passed on as it came in, and the model's late version of it is dropped. How much that is
depends on the position alone, so the samples written do not depend on how the audio is cut.

A take-over replays: a fresh model reads the audio kept for that, and only what lies beyond the
former owners' output is written. Replayed controls are relayed once more, which the runtime drops.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from common.audio import FloatArray, float_to_pcm16, pcm16_to_float
from common.bus.wire import Chunk, Control
from common.stage.api import Audio, Done, Effect, Entry, Recovery, Relay, Snapshot
from denoise_worker.alignment import replay_start


class Denoiser(Protocol):
    """A leg's model state; float32 [n] at 16 kHz, sample n out belongs to sample n in."""

    def process(self, samples: FloatArray) -> FloatArray:
        """Take samples, return those that became ready."""

    def finish(self) -> FloatArray:
        """Return what is still inside."""


class DenoiseLeg:
    """Pure apart from the model it drives; `make` opens a model state and may be slow."""

    def __init__(self, make: Callable[[], Denoiser], recovery: Recovery) -> None:
        self._make = make
        self._denoiser: Denoiser | None = None
        self._origin: int = recovery.state["origin"] if recovery.state else 0
        """Where the model's first hop lies; a take-over must cut its hops alike."""
        self._written = recovery.emitted.position
        """Where the clean stream ends."""
        self._taken = self._replay_start()
        """Where the audio given to the model ends."""
        self._ready = self._taken
        """Where the model's output ends."""
        self._inside: deque[FloatArray] = deque()
        """Input of [_ready, _taken): what the model has not answered yet."""

    @property
    def reads_from(self) -> int:
        """Position from which audio, and controls that take effect there, must be read."""
        return self._taken

    def advance(self, entries: Sequence[Entry]) -> list[Effect]:
        """Take new entries of the audio stream; return clean audio and relayed controls."""
        effects: list[Effect] = []
        for entry in entries:
            match entry:
                case Chunk():
                    effects += self._chunk(entry)
                case Control(_, _, body) if body["t"] == "end":
                    effects += [*self._drain(), Relay(entry), Done()]
                case Control():
                    effects += [*self._pass_on(), Relay(entry)]
        return _joined(effects)

    def snapshot(self) -> Snapshot:
        """Return where the model began; a new owner warms a fresh one up on audio kept for that."""
        return Snapshot({"origin": self._origin}, self._replay_start(), {})

    def close(self) -> None:
        """Let go of the model state; never while `advance` runs."""
        self._denoiser = None

    def _replay_start(self) -> int:
        return self._origin + replay_start(self._written - self._origin)

    def _chunk(self, chunk: Chunk) -> list[Effect]:
        effects: list[Effect] = []
        if chunk.start > self._taken:
            effects += self._jump(chunk.start)
        fresh = pcm16_to_float(chunk.pcm)[self._taken - chunk.start :]
        if len(fresh):
            if self._denoiser is None:
                self._denoiser = self._make()
            self._taken += len(fresh)
            self._inside.append(fresh)
            effects += self._answer(self._denoiser.process(fresh))
        return effects

    def _jump(self, start: int) -> list[Effect]:
        """Go on at `start` with a fresh model: audio before it is missing."""
        effects = self._drain()
        self._origin = self._taken = self._ready = start
        return effects

    def _drain(self) -> list[Effect]:
        """Write what the model still holds as the model has it; it ends with that."""
        if self._denoiser is None:
            return []
        effects = self._answer(self._denoiser.finish())
        self._denoiser = None
        return effects

    def _answer(self, clean: FloatArray) -> list[Effect]:
        start = self._ready
        self._ready += len(clean)
        self._forget(len(clean))
        return self._write(start, clean)

    def _pass_on(self) -> list[Effect]:
        """Write what the model still holds as it came in."""
        return self._write(self._ready, np.concatenate(self._inside)) if self._inside else []

    def _write(self, start: int, samples: FloatArray) -> list[Effect]:
        new = samples[max(0, self._written - start) :]
        if not len(new):
            return []
        self._written = start + len(samples)
        return [Audio(self._written, float_to_pcm16(new))]

    def _forget(self, count: int) -> None:
        while count:
            first = self._inside.popleft()
            if len(first) > count:
                self._inside.appendleft(first[count:])
            count -= min(count, len(first))


def _joined(effects: Sequence[Effect]) -> list[Effect]:
    """Join neighbouring audio: one entry of the clean stream per step is enough."""
    joined: list[Effect] = []
    for effect in effects:
        match joined[-1:], effect:
            case [Audio(end, pcm)], Audio(later, more) if later - len(more) // 2 == end:
                joined[-1] = Audio(later, pcm + more)
            case _:
                joined.append(effect)
    return joined
