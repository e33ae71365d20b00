"""One leg through the denoiser: audio in by position, clean audio out at the same positions.

A step has two halves, so that the model can run over the hops of all legs between them. `ingest`
cuts new audio into hops and notes what is to be written between them; `conclude` goes through the
same sequence with the model's answers.

The model's output lags its input by 30 to 40 ms. A control must not overtake the audio before it,
yet must not wait for audio that may never come. So the audio that is inside the model at a control
is written unprocessed, and the model's late version of it is dropped. How much that is depends on
the position alone, so the samples written do not depend on how the audio is cut.

What is written is a mixture of the model's version and the audio as it came
(`denoise_worker.mixing`).

A new owner continues with the model's memory and the audio inside it, so its output is the same as
if the former owner had lived. Only what lies beyond the clean stream's end is written. Controls
read again are relayed again; the runtime drops them.

While the call has `denoise` off, audio is written as it came in and there is no model. A fresh one
begins at the control that switches it on. A switch is not faded: the model's output is in phase
with its input, so the step is no larger than the noise that the model removes. Forty of them in
20 s of hum or noise gave no frame that the VAD takes for speech (measured).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeAlias, TypeVar

import numpy as np

from common.audio import FloatArray, float_to_pcm16, pcm16_to_float
from common.bus.wire import AUDIO_ORDER, Chunk, Control, StreamId
from common.pipeline.control import Command, Configure, End
from common.pipeline.progress import Progress
from common.pipeline.record import Message, pack, sparse
from common.stage.api import Audio, Done, Effect, Entry, Recovery, Relay, Snapshot
from denoise_worker.alignment import HopAligner

_NOTHING = np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True)
class DenoiseCheckpoint:
    """What a denoiser saves of a leg for its next owner, which reads on at `taken`.

    `on`: whether the call is denoised there. If a model runs: `origin`, where it began; `inside`,
    PCM16LE that it has read and not answered; its `memory`, and that of the mixture.
    """

    taken: int
    on: bool = sparse(True)
    origin: int | None = sparse(None)
    inside: bytes = sparse(b"")
    memory: bytes = sparse(b"")
    mixture: bytes | None = sparse(None)


CHECKPOINT = Message(DenoiseCheckpoint)


class Memory(Protocol):
    """What a model remembers of one leg."""

    def dump(self) -> bytes:
        """Return the memory for a checkpoint."""


class Mixture(Memory, Protocol):
    """How the audio as it came and the model's version of it become what is written."""

    def mix(self, noisy: FloatArray, denoised: FloatArray) -> FloatArray:
        """Return the next samples; see `denoise_worker.mixing.Mixer`."""


M = TypeVar("M", bound=Memory)


@dataclass(frozen=True, slots=True)
class _Stretch(Generic[M]):
    """Audio without gaps, the model state that reads it, and what its answers are mixed by."""

    aligner: HopAligner
    memory: M
    mixture: Mixture


@dataclass(frozen=True, slots=True)
class _Input(Generic[M]):
    """The input of one model state in a step, and the position at which its answer begins."""

    memory: M
    first: int
    hops: list[FloatArray] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Clean:
    """[start, start + n): `noisy` [n], mixed with the answer to the input before."""

    start: int
    noisy: FloatArray
    mixture: Mixture


@dataclass(frozen=True, slots=True)
class _Unprocessed:
    """Audio that is written as it came in."""

    start: int
    samples: FloatArray


_Step: TypeAlias = _Input[M] | _Clean | _Unprocessed | Control


class DenoiseLeg(Generic[M]):
    """Pure; `make` and `mixing` open a model state and a mixture, fresh or with a dumped memory.

    `on`: whether the call is denoised at its beginning. `able`: whether it can be; otherwise all
    audio is written as it came, whatever the call asks for.
    """

    def __init__(
        self,
        make: Callable[[bytes | None], M],
        mixing: Callable[[bytes | None], Mixture],
        recovery: Recovery,
        *,
        on: bool = True,
        able: bool = True,
    ) -> None:
        self._make = make
        self._mixing = mixing
        self._able = able
        self._on = on and able
        self._written = recovery.emitted.position
        """End of the clean stream."""
        self._taken = 0
        """End of the audio taken."""
        self._stretch: _Stretch[M] | None = None
        if recovery.state is not None:
            self._restore(CHECKPOINT.unpack(recovery.state))
        self._inputs: list[_Input[M]] = []
        self._course: list[_Step[M]] = []

    @property
    def reads_from(self) -> int:
        """Position from which audio, and controls that take effect there, must be read."""
        return self._taken

    @property
    def memory(self) -> M | None:
        """The state of the model that runs, if one does."""
        return None if self._stretch is None else self._stretch.memory

    def ingest(self, entries: Sequence[Entry]) -> list[tuple[M, FloatArray]]:
        """Take new entries of the audio stream; return hops [k, 160] per model state to run.

        Each state is returned once at most.
        """
        for entry in entries:
            match entry:
                case Chunk():
                    self._chunk(entry)
                case Control(_, _, command):
                    self._obey(command)
                    self._course.append(entry)
        return [(each.memory, np.concatenate(each.hops)) for each in self._inputs]

    def conclude(self, answers: Sequence[FloatArray]) -> list[Effect]:
        """Return clean audio and relayed controls.

        The answers are [k, 160], in the order that `ingest` returned.
        """
        heard = zip(self._inputs, answers, strict=True)
        course, self._course, self._inputs = self._course, [], []
        effects: list[Effect] = []
        first, samples = 0, _NOTHING
        for step in course:
            match step:
                case _Input():
                    _, answer = next(heard)
                    first, samples = step.first, answer.reshape(-1)
                case _Clean(start, noisy, mixture):
                    answered = samples[start - first :][: len(noisy)]
                    effects += self._write(start, mixture.mix(noisy, answered))
                case _Unprocessed(start, held):
                    effects += self._write(start, held)
                case Control(_, _, command):
                    effects += [Relay(step), *([Done()] if isinstance(command, End) else [])]
        return _joined(effects)

    def snapshot(self) -> Snapshot:
        """Return the model's memory and the audio inside it; a new owner reads on from here."""
        checkpoint = DenoiseCheckpoint(self._taken, self._on)
        if stretch := self._stretch:
            inside = float_to_pcm16(stretch.aligner.inside)
            checkpoint = DenoiseCheckpoint(
                self._taken,
                self._on,
                stretch.aligner.origin,
                inside,
                stretch.memory.dump(),
                stretch.mixture.dump(),
            )
        progress = Progress(StreamId(self._taken, AUDIO_ORDER))
        return Snapshot(pack(checkpoint), progress, self._taken, {})

    def _restore(self, saved: DenoiseCheckpoint) -> None:
        self._taken, self._on = saved.taken, saved.on
        if saved.origin is not None:
            aligner = HopAligner(saved.origin, self._taken, pcm16_to_float(saved.inside))
            mixture = self._mixing(saved.mixture)
            self._stretch = _Stretch(aligner, self._make(saved.memory), mixture)

    def _chunk(self, chunk: Chunk) -> None:
        if chunk.start > self._taken:
            self._drain()  # audio is missing; a fresh model begins after it
            self._taken = chunk.start
        fresh = pcm16_to_float(chunk.pcm)[self._taken - chunk.start :]
        if not len(fresh):
            return
        if not self._on:
            self._course.append(_Unprocessed(self._taken, fresh))
            self._taken += len(fresh)
            return
        if self._stretch is None:
            aligner = HopAligner(self._taken)
            self._stretch = _Stretch(aligner, self._make(None), self._mixing(None))
        aligner = self._stretch.aligner
        first, start = aligner.next_answer, aligner.ready
        held = np.concatenate((aligner.inside, fresh))
        hops = aligner.push(fresh)
        self._taken = aligner.taken
        noisy = held[: aligner.ready - start]
        self._feed(hops, first, _Clean(start, noisy, self._stretch.mixture))

    def _obey(self, command: Command) -> None:
        match command:
            case End():
                self._drain()
            case Configure(options):
                self._pass_on()
                self._on = options.denoise and self._able
                if not self._on:
                    self._stretch = None
            case _:
                self._pass_on()

    def _drain(self) -> None:
        """Write the rest of the model's output, and end the model."""
        if self._stretch is not None:
            aligner = self._stretch.aligner
            rest = _Clean(aligner.ready, aligner.inside, self._stretch.mixture)
            self._feed(aligner.flush(), aligner.next_answer, rest)
            self._stretch = None

    def _feed(self, hops: FloatArray, first: int, clean: _Clean) -> None:
        """Give the model hops, whose answer begins at `first`, and note what part to write."""
        if self._stretch is None or not len(hops):
            return
        memory = self._stretch.memory
        if not self._inputs or self._inputs[-1].memory is not memory:
            self._inputs.append(_Input(memory, first))
            self._course.append(self._inputs[-1])
        self._inputs[-1].hops.append(hops)
        self._course.append(clean)

    def _pass_on(self) -> None:
        """Note that the audio inside the model is written unprocessed."""
        if self._stretch is not None:
            aligner = self._stretch.aligner
            self._course.append(_Unprocessed(aligner.ready, aligner.inside))

    def _write(self, start: int, samples: FloatArray) -> list[Effect]:
        new = samples[max(0, self._written - start) :]
        if not len(new):
            return []
        self._written = start + len(samples)
        return [Audio(self._written, float_to_pcm16(new))]


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
