"""A stage whose output shows every lost, doubled or shifted sample: all that a stage needs.

Its state is a CRC over all samples; it emits it every `EVERY` samples and at each flush. Audio with
a hole, or controls out of place, are events of their own, which no expectation contains.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from zlib import crc32

from common.audio import SAMPLE_RATE
from common.bus import wire
from common.bus.keys import Leg
from common.bus.wire import NOTHING, Chunk, Control, StreamId
from common.options import SessionOptions
from common.pipeline import streams, text
from common.pipeline.control import Command, Configure, End, Flush
from common.pipeline.progress import Progress
from common.pipeline.record import Message, pack
from common.pipeline.report import Load, VadLoad
from common.pipeline.stages import StageSpec, Unit
from common.pipeline.streams import AUDIO, Ids, Lifetime, Stream
from common.pipeline.text import Final
from common.stage.api import (
    Assignment,
    Commit,
    DeadLetter,
    Done,
    Effect,
    Emit,
    Outcome,
    Recovery,
    Snapshot,
    Source,
    Stage,
    Work,
    attempt,
)

EVERY = 1000


@dataclass(slots=True, eq=False)
class State:
    """One leg in the toy stage."""

    leg: Leg
    read: StreamId
    position: int
    crc: int
    wake: Callable[[], None]
    pins: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Noted:
    """An event of the toy stage: what it has heard so far."""

    kind: str
    crc: int = -1
    late: int = 0


@dataclass(frozen=True, slots=True)
class ToyEntry:
    """An entry of the toy stage's own stream of events."""

    at: StreamId
    events: tuple[Noted, ...]


@dataclass(frozen=True, slots=True)
class ToyWork:
    """A leg is all that it works on."""

    offered: float = 0.0


@dataclass(frozen=True, slots=True)
class Saved:
    """Its checkpoint."""

    read: StreamId = NOTHING
    position: int = 0
    crc: int = 0


TOY_ENTRY = Message(ToyEntry)
SAVED = Message(Saved)
EVENTS = Stream(
    "toy",
    Ids.EPOCH,
    Lifetime.SESSION,
    writers=("toy",),
    holds="checksums",
    reveals="nothing",
    most=4096,
    entries=TOY_ENTRY,
)
CHECKPOINT = streams.CHECKPOINT.of("toy")
TOY = StageSpec(
    "toy",
    Unit.LEG,
    Message(ToyWork),
    reads=(AUDIO,),
    output=EVENTS,
    fences=(CHECKPOINT, EVENTS),
)
GIVEN_UP = Final.lost(0, "given up")


def asked(kind: str, number: int = 0) -> Command:
    """Return the control of this name; what others do not have is told in the options."""
    plain: dict[str, Command] = {"flush": Flush(), "end": End()}
    options = SessionOptions(context=kind, keywords=(str(number),))
    return plain.get(kind) or Configure(options)


def named(command: Command) -> str:
    return command.options.context if isinstance(command, Configure) else command.t


class ToyStage(Stage[State, ToyWork]):
    """See the module. `gate` holds its steps up, and with them the worker's turn."""

    tick = 0.01
    learns_commits = True

    def __init__(self, *, finishes: bool = False, woken: bool = False) -> None:
        unit = Unit.UTTERANCE if finishes else Unit.LEG
        self.spec = replace(TOY, unit=unit, woken=woken)
        self.gate = asyncio.Event()
        self.gate.set()
        self.held = 0
        self.open_states: list[State] = []
        self.opened: list[tuple[str, int, bool]] = []
        self.learned: dict[str, int] = {}
        self.collected: list[State] = []
        self.saved: list[State] = []
        self.stopped = False
        self.heard = 0
        self.poison = True
        """Whether it gives up a work item at a control of that name."""
        self.hopeless: set[str] = set()
        """Work items that it cannot open."""

    def open(
        self, assignment: Assignment[ToyWork], recovery: Recovery, wake: Callable[[], None]
    ) -> State:
        if assignment.key in self.hopeless:
            raise KeyError(assignment.key)
        saved = Saved() if recovery.state is None else SAVED.unpack(recovery.state)
        state = State(assignment.leg, saved.read, saved.position, saved.crc, wake)
        self.opened.append((assignment.key, assignment.epoch, recovery.state is not None))
        self.open_states.append(state)
        return state

    def give_up(self, assignment: Assignment[ToyWork | None]) -> Sequence[Effect]:
        return [Commit(1, GIVEN_UP, "gw")]

    def inputs(self, state: State) -> Mapping[Source, bytes]:
        return {AUDIO: wire.entry_id(*state.read)}

    async def step(self, work: Sequence[Work[State]]) -> Sequence[Outcome]:
        self.held += 1
        await self.gate.wait()
        self.held -= 1
        return [attempt(self._take_all, state, entries) for state, entries in work]

    def collect(self, states: Sequence[State]) -> None:
        self.collected += states

    def snapshot(self, state: State) -> Snapshot:
        self.saved.append(state)
        saved = Saved(state.read, state.position, state.crc)
        return Snapshot(pack(saved), Progress(state.read), state.position, dict(state.pins))

    def committed(self, state: State, number: int) -> None:
        self.learned[str(state.leg)] = number
        state.pins = {n: start for n, start in state.pins.items() if n > number}

    def load(self) -> Load:
        return VadLoad(audio=self.heard / SAMPLE_RATE, recordings=0)

    def close(self, state: State) -> None:
        self.open_states.remove(state)

    async def stop(self) -> None:
        self.stopped = True

    def _take_all(self, state: State, entries: Sequence[object]) -> list[Effect]:
        return [effect for entry in entries for effect in self._take(state, entry)]

    def _take(self, state: State, entry: object) -> list[Effect]:
        effects: list[Effect] = []
        match entry:
            case Chunk(end, pcm):
                if entry.start != state.position:
                    effects.append(Emit(EVENTS, ToyEntry(StreamId(end, 0), (Noted("hole"),))))
                effects += self._listen(state, pcm)
                state.read = entry.stream_id
            case Control(_, _, command) if named(command) == "poison" and self.poison:
                return [DeadLetter("poison"), Commit(1, GIVEN_UP, "gw"), Done()]
            case Control(_, _, command) if named(command) == "fail":
                raise ValueError("a control that nobody can carry out")
            case Control(position, order, command):
                state.read = entry.stream_id
                event = Noted(named(command), state.crc, state.position - position)
                effects.append(Emit(EVENTS, ToyEntry(StreamId(position, order), (event,))))
                if isinstance(command, Configure) and named(command) == "pin":
                    state.pins[int(command.options.keywords[0])] = position
                if isinstance(command, End):
                    effects += [Commit(1, text.End(), "gw"), Done()]
        return effects

    def _listen(self, state: State, pcm: bytes) -> list[Effect]:
        effects: list[Effect] = []
        while pcm:
            take = (EVERY - state.position % EVERY) * 2
            piece, pcm = pcm[:take], pcm[take:]
            state.crc = crc32(piece, state.crc)
            state.position += len(piece) // 2
            self.heard += len(piece) // 2
            if state.position % EVERY == 0:
                entry = ToyEntry(StreamId(state.position, 0), (Noted("crc", state.crc),))
                effects.append(Emit(EVENTS, entry, wake=("next",), notify="gw"))
        return effects
