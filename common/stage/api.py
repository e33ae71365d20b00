"""What a stage worker and the runtime say to each other; neither Redis nor asyncio shows here.

A *claim* is a work item that this worker owns: a leg for stages that hold state per leg, an
utterance for stages that do not. The runtime hands a stage the entries of its claims' streams and
carries out the *effects* the stage answers with. A stage answers the same entries with the same
effects: that is what makes taking a claim over from a dead owner invisible.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeAlias, TypeVar

from common.bus.keys import Leg
from common.bus.wire import Chunk, Control, Mark, entry_id
from common.pipeline.partial import PartialText
from common.pipeline.progress import Progress
from common.pipeline.report import Load
from common.pipeline.stages import StageSpec
from common.pipeline.streams import Stream
from common.pipeline.text import Item, Words
from common.pipeline.work import WorkItem

S = TypeVar("S")
W = TypeVar("W", bound=WorkItem | None, covariant=True)

SUSPECT_FROM = 3
"""Epoch from which on a claim is suspect: two owners did not finish it."""


class Events(Protocol):
    """One entry of an event stream: what was decided by the source entry at `at`."""

    @property
    def at(self) -> Mark:
        """Order 0 stands for the audio itself, which decides frame by frame."""


Entry: TypeAlias = Chunk | Control | Events


@dataclass(frozen=True, slots=True)
class Claim(Generic[W]):
    """One owned work item. `epoch` is this owner's fencing token; a later owner's is higher.

    `raw` is the work item as it lies in Redis; `work` is None where that cannot be read.
    """

    key: str
    leg: Leg
    work: W
    entry: bytes
    epoch: int
    raw: bytes = b""

    @property
    def suspect(self) -> bool:
        """Whether it may be what ended its former owners.

        Harmless changes of owner count as well: a suspect deserves care, nothing worse. Of a leg,
        which changes hands all its life, it says nothing.
        """
        return self.epoch >= SUSPECT_FROM


@dataclass(frozen=True, slots=True)
class Recovery:
    """What earlier owners left behind.

    `state` is that of the last checkpoint, None without one. `emitted` is where the last output
    stands (in a text: the item's number); outputs up to it must not be written again.
    """

    state: bytes | None
    emitted: Mark


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A claim's state at the end of everything it was given.

    `state` is the stage's own, packed; `progress` is for others to read. `floor`: positions before
    it are not needed for a take-over from this snapshot. `pins`: item number -> first position that
    must be kept for the owner of that item.
    """

    state: bytes
    progress: Progress
    floor: int
    pins: Mapping[int, int]


# Effects, in the order they are carried out within one step: fenced writes first (Emit, Audio,
# Relay, Partial), then a DeadLetter, then what follows (Offer, Commit, Attach), Done last. A stage
# that dies in between is replayed from its checkpoint and repeats them; each is idempotent.


@dataclass(frozen=True, slots=True)
class Emit:
    """Write one entry of an event stream: all that was decided in one place.

    The stream is one of those the stage fences: its entries have one writer. Wakes the listed
    stages and, with `notify`, that gateway.
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
class Partial:
    """Replace the partial of an utterance and tell the gateway."""

    utterance: int
    text: PartialText
    notify: str


@dataclass(frozen=True, slots=True)
class Offer:
    """Offer a work item to another stage, once; `key` names it within that stage.

    If it has a field `after`, that is filled in: from where to read the stream of events so as not
    to miss the one that led to the offer, which is the last `Emit` before it in the same step.
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
    """Give item `number` of the leg's text its words, be it there yet or not; tell the gateway.

    They count only if `digest` is the one the item names as `align`.
    """

    number: int
    digest: str
    words: Words
    notify: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Give the claim up: put it aside with its reason, for an operator.

    While the circuit breaker is open nothing of the step but its fenced writes is carried out, and
    the claim is opened again some time later. `audio`: PCM16LE 16 kHz to keep with it, if any.
    """

    reason: str
    audio: bytes = b""


@dataclass(frozen=True, slots=True)
class Done:
    """The claim is finished; the runtime releases it and forgets its state."""


Effect: TypeAlias = Emit | Audio | Relay | Partial | Offer | Commit | Attach | DeadLetter | Done
Work: TypeAlias = tuple[S, Sequence[Entry]]


class Stage(ABC, Generic[S, W]):
    """One kind of worker. `S` is its state per claim, `W` its work items.

    All methods run on the event loop; only `step` may wait, and it must not be slower than the
    audio it is given. A stage overrides what it needs beyond `open`, `inputs` and `step`.
    """

    spec: StageSpec
    tick: float
    """Seconds between reads of all owned streams."""
    learns_commits: ClassVar[bool] = False
    """Whether `committed` is called."""

    async def start(self) -> None:
        """Load and warm up the engine."""

    @abstractmethod
    def open(self, claim: Claim[W], recovery: Recovery, wake: Callable[[], None]) -> S:
        """Begin or take over a claim; `wake()` later asks for a step without news."""

    @abstractmethod
    def inputs(self, state: S) -> Mapping[Stream, bytes]:
        """Streams to read for this claim and the id to read after, at its beginning."""

    @abstractmethod
    async def step(self, work: Sequence[Work[S]]) -> Sequence[Sequence[Effect]]:
        """Consume entries of many claims at once; return the effects of each, in the same order."""

    def give_up(self, claim: Claim[W | None]) -> Sequence[Effect]:
        """Return what the caller is told of a claim that is put aside."""
        return ()

    def snapshot(self, state: S) -> Snapshot | None:
        """Return what a new owner needs, or None where a claim is simply done again."""
        return None

    def committed(self, state: S, number: int) -> None:
        """Learn that every item up to `number` is in the leg's text."""

    def full(self, state: S) -> bool:
        """Whether a claim has so much in hand that nothing more is read for it now.

        Asked after each of its steps, and again once its commits are learned.
        """
        return False

    def close(self, state: S) -> None:
        """Forget a claim that is finished, lost or handed over."""

    def load(self) -> Load | None:
        """Return what admission wants to know of this stage's load beyond its slots."""
        return None

    async def watch(self) -> None:
        """Never return; raise once the engine is dead, so that the process ends with it."""
        await asyncio.Event().wait()

    async def stop(self) -> None:
        """Close the engine."""


@dataclass(slots=True, eq=False)
class Slot(Generic[S]):
    """The runtime's record of one owned claim."""

    claim: Claim[Any]
    state: S
    streams: Mapping[bytes, Stream]
    """What is read for it, by key."""
    cursors: dict[bytes, bytes]
    emitted: Mark
    serial: int = 1
    """Last second half of an id written under this epoch; the marker took 1."""
    full: bool = False
    """Whether nothing is read for it now, see `Stage.full`."""
    snapshot_due: float = 0.0
    refresh_due: float = 0.0

    def next_id(self) -> bytes:
        """Return the next id under this owner's epoch."""
        self.serial += 1
        return entry_id(self.claim.epoch, self.serial)
