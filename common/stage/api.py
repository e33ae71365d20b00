"""The interface between a stage and the runtime; it shows neither Redis nor asyncio.

An *assignment* is a work item that this worker owns: a leg for stages that hold state per leg, an
utterance for stages that do not. The runtime hands a stage the entries of its work items' streams
and carries out the *effects* that the stage returns. The same entries must give the same effects,
so that nothing shows when a work item is taken over from a dead owner.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, ParamSpec, Protocol, TypeAlias, TypeVar

from common.bus.keys import Leg
from common.bus.wire import Chunk, Control, StreamId, entry_id
from common.pipeline.partial import PartialText
from common.pipeline.progress import Progress
from common.pipeline.report import Load
from common.pipeline.stages import StageSpec
from common.pipeline.streams import Stream
from common.pipeline.text import Item, Words
from common.pipeline.work import WorkItem
from common.stage.screen import UNCHANGED, Screen

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")
W = TypeVar("W", bound=WorkItem | None, covariant=True)

CANDIDATE_FROM = 3
"""The owner from which on a work item is a poison candidate: two others did not finish it."""


class Events(Protocol):
    """One entry of an event stream: all events that the source entry at `at` caused."""

    @property
    def at(self) -> StreamId:
        """Order 0 stands for audio, where each frame is decided on."""


@dataclass(frozen=True, slots=True)
class Said:
    """Item `number` of a leg's text."""

    channel: int
    number: int
    item: Item


@dataclass(frozen=True, slots=True)
class Beside:
    """An entry of another leg's event stream."""

    channel: int
    events: Events


Entry: TypeAlias = Chunk | Control | Events | Said | Beside

LATELY = b"lately"
"""In place of an id to start after: the newest entries of a stream, and what follows."""
Source: TypeAlias = Stream | tuple[Leg, Stream]
"""A stream of the work item's leg, whose entries it works on; or of a leg of its call, whose
entries, `Said` and `Beside`, tell what happens around it."""


@dataclass(frozen=True, slots=True)
class Assignment(Generic[W]):
    """One owned work item. `epoch` is this owner's fencing token; a later owner's is higher.

    `raw` is the work item as stored in Redis; `work` is None if it cannot be read. `owner` is the
    name of this worker. `reopened`: how often it had acquired the work item before, and then opened
    it again only because Redis may have lost writes.
    """

    key: str
    leg: Leg
    work: W
    entry: bytes
    epoch: int
    raw: bytes = b""
    owner: str = ""
    reopened: int = 0

    @property
    def candidate(self) -> bool:
        """Whether it is a poison candidate: it may have ended its former owners.

        Harmless changes of owner count as well, so a candidate is handled with care and nothing
        worse. For a leg this means nothing: legs change owners all the time.
        """
        return self.epoch - self.reopened >= CANDIDATE_FROM


@dataclass(frozen=True, slots=True)
class Recovery:
    """What earlier owners left behind.

    `state` is that of the last checkpoint, None without one. `emitted` is the place of the last
    output (in a text: the item's number); outputs up to it must not be written again. `item` is
    that output of a text, packed; None of any other stream, or if there is none.
    """

    state: bytes | None
    emitted: StreamId
    item: bytes | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A work item's state after all input so far.

    `state` is private to the stage, packed; `progress` is public. `floor`: a take-over from this
    snapshot needs no position before it. `pins`: item number -> first position that must be kept
    for the owner of that item.
    """

    state: bytes
    progress: Progress
    floor: int
    pins: Mapping[int, int]

    @property
    def first_needed(self) -> int:
        """The first position that a take-over, or the owner of an item, still reads."""
        return min([self.floor, *self.pins.values()])


# Effects, in the order in which a step carries them out: fenced writes first (Emit, Audio, Relay,
# Show), then a DeadLetter, then what follows (Offer, Commit, Attach, Fail), Done last. If a worker
# dies in between, the next owner replays from the checkpoint and repeats them; each is idempotent.


@dataclass(frozen=True, slots=True)
class Emit:
    """Write one entry of an event stream: all events of one position.

    The stream must be one that the stage fences, so that its entries have one writer. Notifies
    the listed stages and, if given, the gateway `notify`.
    """

    stream: Stream
    events: Events
    wake: tuple[str, ...] = ()
    notify: str | None = None


@dataclass(frozen=True, slots=True)
class Audio:
    """Write PCM16LE 16 kHz ending at position `end` to the leg's clean stream."""

    end: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Relay:
    """Pass a control on to the clean stream."""

    control: Control


@dataclass(frozen=True, slots=True)
class Show:
    """Show a partial of an utterance in place of the one before, and notify the gateway."""

    utterance: int
    text: PartialText
    notify: str


@dataclass(frozen=True, slots=True)
class Offer:
    """Offer a work item to another stage, once; `key` names it within that stage.

    A field `after` of the item is filled in: the id from which to read the event stream. The first
    entry behind it is the last `Emit` before the offer in the same step, which led to it.
    """

    stage: str
    key: str
    work: WorkItem


@dataclass(frozen=True, slots=True)
class Commit:
    """Put item `number` into the leg's text, once and in order, and tell the gateway."""

    number: int
    item: Item
    notify: str


@dataclass(frozen=True, slots=True)
class Attach:
    """Give item `number` of the leg's text its words, even before it is there; tell the gateway.

    They count only if `digest` is the item's `align`.
    """

    number: int
    digest: str
    words: Words
    notify: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Give the work item up: dead-letter it with its reason, for an operator.

    While the circuit breaker is open, only the fenced writes of the step are carried out, and the
    work item is opened again some time later. `audio`: PCM16LE 16 kHz to keep with it, if any.
    """

    reason: str
    audio: bytes = b""


@dataclass(frozen=True, slots=True)
class Fail:
    """Let the leg's checkpoint say that the stage has given it up, and tell the gateway `notify`.

    It follows from a dead letter. A gateway that is not known, None, finds out within 10 s.
    """

    notify: str | None


@dataclass(frozen=True, slots=True)
class Done:
    """The work item is finished; the runtime releases it and drops its state."""


Effect: TypeAlias = Emit | Audio | Relay | Show | Offer | Commit | Attach | DeadLetter | Fail | Done
Work: TypeAlias = tuple[S, Sequence[Entry]]
Outcome: TypeAlias = Sequence[Effect] | Exception
"""What a step comes to for one work item: its effects, or why it cannot be worked on."""


def attempt(do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | Exception:
    """Call something for one work item of many; return its exception instead of raising it."""
    try:
        return do(*args, **kwargs)
    except Exception as error:
        return error


class Stage(ABC, Generic[S, W]):
    """One kind of worker. `S` is its state per work item, `W` its work items.

    All methods run on the event loop. Only `step` may wait, and it must keep up with its audio. A
    stage must define `open`, `inputs` and `step`, and overrides others as needed.
    """

    spec: StageSpec
    tick: float
    """Seconds between reads of all owned streams."""
    learns_commits: ClassVar[bool] = False
    """Whether `committed` is called."""

    async def start(self) -> None:
        """Load and warm up the engine."""

    @abstractmethod
    def open(self, assignment: Assignment[W], recovery: Recovery, wake: Callable[[], None]) -> S:
        """Begin or take over a work item; `wake()` later asks for a step without new entries."""

    @abstractmethod
    def inputs(self, state: S) -> Mapping[Source, bytes]:
        """Return the streams to read for this work item, with the id to start after."""

    @abstractmethod
    async def step(self, work: Sequence[Work[S]]) -> Sequence[Outcome]:
        """Consume entries of many work items; return what comes of each, in the same order.

        A work item whose entries fail gets its exception, and is dead-lettered. If it were raised,
        it would end one worker after the other, with all their work items.
        """

    def screen(self, state: S) -> Screen:
        """Return what every text of this work item passes before it is stored."""
        return UNCHANGED

    def give_up(self, assignment: Assignment[W | None]) -> Sequence[Effect]:
        """Return the effects that tell the caller about a dead-lettered work item."""
        return ()

    def collect(self, states: Sequence[S]) -> None:
        """Fetch what the snapshots of these need in one go: their `snapshot` is called next."""

    def snapshot(self, state: S) -> Snapshot | None:
        """Return what a new owner needs, or None if it simply starts over."""
        return None

    def committed(self, state: S, number: int) -> None:
        """Learn that every item up to `number` is in the leg's text."""

    def awaited(self, state: S) -> Mapping[int, Offer]:
        """Return its offers whose items are not in the leg's text yet, by their numbers."""
        return {}

    def full(self, state: S) -> bool:
        """Whether a work item has too much unfinished work to read more for it now.

        Asked after each of its steps, and again once its commits are known.
        """
        return False

    def close(self, state: S) -> None:
        """Drop a work item that is finished, lost or handed over."""

    def load(self) -> Load | None:
        """Return the load that admission needs to know beyond the slots."""
        return None

    async def watch(self) -> None:
        """Never return; raise once the engine is dead, so that the process ends with it."""
        await asyncio.Event().wait()

    async def stop(self) -> None:
        """Close the engine."""


@dataclass(slots=True, eq=False)
class Slot(Generic[S]):
    """The runtime's record of one owned work item."""

    assignment: Assignment[Any]
    state: S
    streams: Mapping[bytes, Source]
    """The streams read for it, by key."""
    cursors: dict[bytes, bytes]
    emitted: StreamId
    screen: Screen = UNCHANGED
    serial: int = 1
    """Second half of the last id written under this epoch; the marker has 1."""
    full: bool = False
    """Whether nothing is read for it now, see `Stage.full`."""
    since: float = 0.0
    """When this worker acquired it, s since 1970 by Redis's clock."""
    timed: bool = False
    """Whether the audio of the step in hand says when it came."""
    snapshot_due: float = 0.0
    refresh_due: float = 0.0
    obeyed: list[bytes] = field(default_factory=list)
    """Ids of the controls that the state has obeyed and no checkpoint holds yet."""

    def is_due(self, notified: Set[Leg], woken: Set[bytes]) -> bool:
        """Whether to read for it now; before a step without entries it learns what is around it."""
        if self.assignment.leg in notified:
            return True
        return self.assignment.entry in woken and any(
            isinstance(source, tuple) for source in self.streams.values()
        )

    def next_id(self) -> bytes:
        """Return the next id under this owner's epoch."""
        self.serial += 1
        return entry_id(self.assignment.epoch, self.serial)
