"""The real stages and what to feed them, for the contract every stage keeps.

VAD and denoise run their real models, on real speech; ASR runs on an engine whose text is a
checksum of the audio it was given, and an aligner on one whose word is a checksum of audio and
text. A new stage is one more rig.
"""

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from importlib.resources import as_file, files
from itertools import count
from typing import Any, Literal

import numpy as np
import soundfile
from prometheus_client import CollectorRegistry

from asr_worker.align.settings import AlignSettings
from asr_worker.align.stage import AlignStage
from asr_worker.settings import AsrSettings
from asr_worker.stage import AsrStage
from common.audio import SAMPLE_RATE, FloatArray, float_to_pcm16, pcm16_to_float
from common.bus import wire
from common.bus.keys import Leg
from common.bus.wire import NOTHING, Chunk, Control, StreamId
from common.options import SessionOptions
from common.pipeline.control import Configure, End, Flush
from common.pipeline.speech import Started
from common.pipeline.streams import SPEECH, TEXT, Stream
from common.pipeline.text import Item, Words
from common.pipeline.work import LegWork, UtteranceWork
from common.stage.api import (
    Assignment,
    Attach,
    Audio,
    Commit,
    Done,
    Effect,
    Emit,
    Entry,
    Offer,
    Outcome,
    Recovery,
    Relay,
    Show,
    Stage,
)
from common.telemetry.metrics import AlignMetrics, AsrMetrics, VadMetrics
from denoise_worker.settings import DenoiseSettings
from denoise_worker.stage import DenoiseStage
from tests.contract.checksums import ChecksumAligner, ChecksumEngine
from tests.integration.common.stage.toy_stage import ToyStage, ToyWork
from vad_worker import engines as vad_engines
from vad_worker.settings import VadSettings
from vad_worker.stage import VadStage

LEG = Leg("call", 0)
OPTIONS = SessionOptions(silence_threshold=0.5, words=True, denoise=True)
BRIEF = replace(OPTIONS, silence_threshold=0.3)
WORK = LegWork(
    options=OPTIONS,
    gateway="gw",
    source="audio",
    events=True,  # no aligners: the VAD would keep all of so short a call for them
)
EPOCHS = count(1)
FRESH = Recovery(None, NOTHING)
FIRST_EVENT = 2
"""Second half of the first event's id; the owner's marker takes 1."""

Log = list[tuple[str, StreamId, Entry]]
"""What arrives, in the order it does: kind of stream, id, entry."""


@cache
def speech(seconds: float) -> bytes:
    """Real speech with real pauses, PCM16LE at 16 kHz."""
    folder = files("pytest_audioeval") / "samples" / "audio" / "en"
    with as_file(folder / "quick_brown_fox.wav") as path:
        samples, rate = soundfile.read(path, dtype="float32")
    assert rate == SAMPLE_RATE
    quiet = np.zeros(SAMPLE_RATE * 7 // 10, np.float32)
    call = np.concatenate((samples, quiet, samples[: 2 * SAMPLE_RATE], quiet))
    return float_to_pcm16(call[: round(seconds * SAMPLE_RATE)])


def controls(end: int) -> list[Control]:
    """Flushes in mid-word, with nothing open, twice at one position; new options; the end.

    A denoiser is off in a stretch of it.
    """
    return [
        Control(0, 2, Flush()),
        Control(20_480, 2, Flush()),  # where a frame ends
        Control(20_480, 3, Configure(replace(BRIEF, denoise=False))),
        Control(20_480, 4, Flush()),
        Control(33_333, 2, Flush()),
        Control(33_333, 3, Configure(BRIEF)),
        Control(end, 2, Flush()),
        Control(end, 3, End()),
    ]


def audio_log(pcm: bytes, sizes: Iterator[int]) -> Log:
    """The audio stream, cut into chunks of these sizes and at every control."""
    position, log = 0, Log()
    for control in controls(len(pcm) // 2):
        while position < control.position:
            end = min(position + next(sizes), control.position)
            chunk = Chunk(end, pcm[2 * position : 2 * end])
            log.append(("audio", chunk.stream_id, chunk))
            position = end
        log.append(("audio", control.stream_id, control))
    return log


def sizes_of(seed: int) -> Iterator[int]:
    """Even cuts of 20 ms for seed 0, else anything from a sample to half a second."""
    dice = random.Random(seed)
    while True:
        yield 320 if seed == 0 else round(2 ** dice.uniform(0, 13))


@dataclass
class Output:
    """What the publisher would write for the effects."""

    emitted: StreamId = NOTHING
    events: list[Any] = field(default_factory=list)
    audio: list[Audio] = field(default_factory=list)
    relayed: list[Control] = field(default_factory=list)
    offers: dict[str, Any] = field(default_factory=dict)
    commits: dict[int, Item] = field(default_factory=dict)
    attached: dict[tuple[int, str], Words] = field(default_factory=dict)
    done: bool = False

    def add(self, effects: Sequence[Effect], by_item: bool) -> None:
        """Write what is not written yet."""
        for effect in effects:
            assert not self.done, "nothing comes after Done"
            match effect:
                case Emit(_, entry) if self._is_new(entry.at):
                    self.events.append(entry)
                case Audio(end) if self._is_new(StreamId(end, wire.AUDIO_ORDER)):
                    self.audio.append(effect)
                case Relay(control) if self._is_new(control.stream_id):
                    self.relayed.append(control)
                case Offer(_, key, work):
                    # Whether a leg's audio runs ahead of time is a hint: only a clock can tell.
                    if isinstance(work, UtteranceWork):
                        work = replace(work, live=True)
                    self.offers.setdefault(key, work)
                case Commit(number, item):
                    self.commits.setdefault(number, item)
                    if by_item:
                        self.emitted = max(self.emitted, StreamId(number, 1))
                case Attach(number, digest, words):
                    self.attached.setdefault((number, digest), words)
                case Done():
                    self.done = True
                case Show() | Emit() | Audio() | Relay():
                    pass

    def _is_new(self, stream_id: StreamId) -> bool:
        new = stream_id > self.emitted
        self.emitted = max(self.emitted, stream_id)
        return new

    @property
    def samples(self) -> FloatArray:
        """The clean audio; fails where it is not seamless."""
        position = 0
        for each in self.audio:
            assert each.end - len(each.pcm) // 2 == position, "a hole, or a sample twice"
            position = each.end
        return pcm16_to_float(b"".join(each.pcm for each in self.audio))

    def content(self) -> dict[str, Any]:
        """Everything but the audio, in comparable form."""
        return {
            "events": [
                (each.at, [_rounded(event) for event in each.events]) for each in self.events
            ],
            "relayed": self.relayed,
            "offers": {key: _unhurried(work) for key, work in self.offers.items()},
            "commits": self.commits,
            "attached": self.attached,
            "done": self.done,
        }


def _unhurried(work: Any) -> Any:
    """How fast the audio came is told by when it was read, not by what was read."""
    return replace(work, live=True) if isinstance(work, UtteranceWork) else work


def _rounded(event: object) -> object:
    """A frame's probability depends on its batch in the last bits."""
    if isinstance(event, Started):
        return replace(event, probability=round(event.probability, 4))
    return event


def effects_of(outcome: Outcome) -> Sequence[Effect]:
    """Return the effects of one work item in a step; raises why it could not be worked on."""
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


class Rig(ABC):
    """A started stage and what to feed it."""

    seconds = 7.0
    """How much audio a run takes."""
    unbearable: Entry | None = None
    """An entry that a leg of this stage fails at; None if the stage itself sees to that."""

    def __init__(self) -> None:
        self.wakes: asyncio.Queue[Any] = asyncio.Queue()
        self._reference: Output | None = None

    @abstractmethod
    def build(self) -> Stage[Any, Any]:
        """Return the stage, not started."""

    async def start(self) -> None:
        self.stage = self.build()
        await self.stage.start()

    def log(self, seed: int) -> Log:
        """Everything that arrives for the work item, cut by this seed."""
        return audio_log(speech(self.seconds), sizes_of(seed))

    def assignment(self) -> Assignment[Any]:
        return Assignment(str(LEG), LEG, WORK, b"1-0", next(EPOCHS))

    def open(self, recovery: Recovery = FRESH) -> Any:
        return self.stage.open(self.assignment(), recovery, lambda: self.wakes.put_nowait(None))

    async def settled(self, state: Any, effects: Sequence[Effect]) -> Sequence[Effect]:
        """Return the effects of a step, and of the work that it started beside the steps."""
        return effects

    async def step(self, state: Any, log: Log) -> Sequence[Effect]:
        (outcome,) = await self.stage.step([(state, [entry for _, _, entry in log])])
        return await self.settled(state, effects_of(outcome))

    def unread(self, state: Any, log: Log) -> Log:
        """Return what the runtime would read for a new work item."""
        after: dict[str, StreamId] = {
            k: StreamId(*wire.id_halves(v))
            for k, v in self.stage.inputs(state).items()
            if isinstance(k, Stream)
        }
        return [each for each in log if each[0] in after and each[1] > after[each[0]]]

    async def reference(self) -> Output:
        """Return the output of a run with even cuts; never change it."""
        if self._reference is None:
            self._reference = await self.run(0, most=5)
        return self._reference

    async def run(self, seed: int, *, most: int) -> Output:
        """Run the work item from its beginning to its end, up to `most` entries a step."""
        state, output, dice = self.open(), Output(), random.Random(seed)
        for part in parts(self.unread(state, self.log(seed)), dice, most):
            if not output.done:  # the runtime reads no further
                output.add(await self.step(state, part), self.stage.spec.output is TEXT)
        self.stage.close(state)
        return output


def parts(log: Log, dice: random.Random, most: int) -> Iterator[Log]:
    """Cut a log into steps of 1 to `most` entries."""
    while log:
        size = dice.randint(1, most)
        yield log[:size]
        log = log[size:]


class VadRig(Rig):
    unbearable = Control(0, 1, Configure(replace(OPTIONS, max_utterance=0.0)))

    def __init__(self, engine: Literal["numpy", "torch", "official"] = "numpy") -> None:
        super().__init__()
        self._settings = VadSettings(vad_engine=engine)

    def build(self) -> VadStage:
        load = partial(vad_engines.build, self._settings)
        return VadStage(self._settings, load, VadMetrics.build(CollectorRegistry()))


class DenoiseRig(Rig):
    unbearable = Chunk(1, b"\0")
    seconds = 2.5  # alone in its batch a leg costs a tenth of real time

    def __init__(self, engine: Literal["numpy", "torch"] = "numpy") -> None:
        super().__init__()
        self._settings = DenoiseSettings(denoise_engine=engine)

    def build(self) -> DenoiseStage:
        return DenoiseStage(self._settings)


class ToyRig(Rig):
    """A stage that nothing outside the tests knows: its spec and its stream are its own."""

    seconds = 2.5

    def build(self) -> ToyStage:
        return ToyStage()

    def assignment(self) -> Assignment[ToyWork]:
        return Assignment(str(LEG), LEG, ToyWork(), b"1-0", next(EPOCHS))


class AsrRig(Rig):
    """One utterance of what the VAD makes of the speech."""

    def __init__(self, heard: Output, key: str) -> None:
        super().__init__()
        self._heard = heard
        self._key = key

    def build(self) -> AsrStage:
        self.engine = ChecksumEngine()
        return AsrStage(AsrSettings(), self.engine, AsrMetrics.build(CollectorRegistry()))

    def assignment(self) -> Assignment[Any]:
        offered = self._heard.offers[self._key]
        starts = [
            [event.utterance for event in entry.events if isinstance(event, Started)]
            for entry in self._heard.events
        ]
        # The runtime adds where to read on in the speech stream: right before its own start.
        after = wire.entry_id(1, FIRST_EVENT - 1 + starts.index([offered.utterance]))
        work = replace(offered, after=after, beside=frozenset({"align"}))
        return Assignment(self._key, LEG, work, b"1-0", next(EPOCHS))

    def log(self, seed: int) -> Log:
        """The audio, and each event right after the entry it was decided on."""
        heard = iter(self._heard.events)
        upcoming = next(heard, None)
        log, numbers = Log(), count(FIRST_EVENT)
        for kind, stream_id, entry in super().log(seed):
            log.append((kind, stream_id, entry))
            while upcoming is not None and upcoming.at <= stream_id:
                log.append((SPEECH, StreamId(1, next(numbers)), upcoming))
                upcoming = next(heard, None)
        return log

    async def settled(self, state: Any, effects: Sequence[Effect]) -> Sequence[Effect]:
        effects = list(effects)
        while state.decodes or not self.wakes.empty():
            await self.wakes.get()
            (more,) = await self.stage.step([(state, [])])
            effects += effects_of(more)
        return effects


class AlignRig(Rig):
    """The text that ASR made of one utterance."""

    def __init__(self, recognised: Output) -> None:
        super().__init__()
        ((self._key, self._work),) = recognised.offers.items()

    def build(self) -> AlignStage:
        metrics = AlignMetrics.build(CollectorRegistry())
        return AlignStage(AlignSettings(), ChecksumAligner(), metrics)

    def assignment(self) -> Assignment[Any]:
        return Assignment(self._key, LEG, self._work, b"1-0", next(EPOCHS))

    async def settled(self, state: Any, effects: Sequence[Effect]) -> Sequence[Effect]:
        if effects or state.request is None:
            return effects
        while not state.request.done():
            await self.wakes.get()
        (answer,) = await self.stage.step([(state, [])])
        return effects_of(answer)
