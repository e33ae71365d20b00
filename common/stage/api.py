"""What a stage worker and the runtime say to each other; neither Redis nor asyncio shows here.

A *claim* is a stage's unit of ownership: a leg for stages that hold state per leg, an utterance for
stages that do not. The runtime hands a stage the entries of its claims' streams and carries out the
*effects* the stage answers with. A stage answers the same entries with the same effects: that is
what makes taking a claim over from a dead owner invisible.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeAlias, TypeVar

from common.bus.keys import Leg
from common.bus.wire import Body, Chunk, Control, Happening, Mark

S = TypeVar("S")

SUSPECT_FROM = 3
"""Term of office from which on a claim is suspect: two owners did not finish it."""

Entry: TypeAlias = Chunk | Control | Happening


@dataclass(frozen=True, slots=True)
class Claim:
    """One owned unit of work. `epoch` is this owner's term of office; a later owner's is higher."""

    key: str
    leg: Leg
    body: Body
    entry: bytes
    epoch: int

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

    `state` is the body of the last checkpoint, None without one. `emitted` is where the last output
    stands (in a text: the item's number); outputs up to it must not be written again.
    """

    state: Body | None
    emitted: Mark


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A claim's state at the end of everything it was given.

    `floor`: positions before it are not needed for a take-over from this snapshot. `pins`: item
    number -> first position that must be kept for whoever works on that item.
    """

    state: Body
    floor: int
    pins: Mapping[int, int]


# Effects, in the order they are carried out within one step: fenced writes first (Emit, Audio,
# Relay, Partial), then a DeadLetter, then what follows (Offer, Commit, Attach), Done last. A stage
# that dies in between is replayed from its checkpoint and repeats them; each is idempotent.


@dataclass(frozen=True, slots=True)
class Emit:
    """Write one entry of the leg's speech stream: all events decided at `at`, see `Happening.at`.

    Wakes the listed stages and, with `notify`, that gateway.
    """

    at: Mark
    events: tuple[Body, ...]
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
    body: Body
    notify: str


@dataclass(frozen=True, slots=True)
class Offer:
    """Open a claim of another stage, once; `key` names it within that stage.

    The claim's body tells besides, as ``after``, from where to read the speech stream so as not to
    miss the event that led to the offer: the last `Emit` before it in the same step.
    """

    stage: str
    key: str
    body: Body


@dataclass(frozen=True, slots=True)
class Commit:
    """Put item `number` into the leg's text, once and in order, and tell the gateway."""

    number: int
    body: Body
    notify: str


@dataclass(frozen=True, slots=True)
class Attach:
    """Give item `number` of the leg's text its words, be it there yet or not; tell the gateway.

    They count only if `digest` is the one the item names as ``align``. `body`: ``words``, a list of
    (text, start, end, probability) with positions, or None and in ``trouble`` why there are none.
    """

    number: int
    digest: str
    body: Body
    notify: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Give the claim up: put it aside with its reason, for an operator.

    While the circuit breaker is open nothing of the step but its fenced writes is carried out, and
    the claim is opened again some time later. `audio`: PCM16LE 16 kHz to keep with it, if any.
    `raw`: the claim's body as it lies in Redis, where it cannot be read.
    """

    reason: str
    audio: bytes = b""
    raw: bytes | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The claim is finished; the runtime releases it and forgets its state."""


Effect: TypeAlias = Emit | Audio | Relay | Partial | Offer | Commit | Attach | DeadLetter | Done
Work: TypeAlias = tuple[S, Sequence[Entry]]


class Stage(Protocol[S]):
    """One kind of worker. `S` is its state per claim.

    All methods run on the event loop; only `step` may wait, and it must not be slower than the
    audio it is given.
    """

    name: str
    tick: float
    """Seconds between reads of all owned streams."""
    finishes: bool
    """Whether draining lets claims finish (utterances) or hands them over at once (legs)."""
    rings: bool
    """Whether other stages wake this one through its doorbells."""
    output: str
    """Kind of stream `Recovery.emitted` is read from: ``speech``, ``clean`` or ``text``."""

    async def start(self, wake: Callable[[S], None]) -> None:
        """Load and warm up the engine; `wake(state)` later asks for a step without news."""

    def fences(self, claim_key: str) -> Sequence[str]:
        """Kinds of the epoch streams this stage writes for a claim; the first orders owners."""

    def open(self, claim: Claim, recovery: Recovery) -> S:
        """Begin or take over a claim."""

    def give_up(self, claim: Claim) -> Sequence[Effect]:
        """Return what the caller is told of a claim that is put aside; its body may be empty."""

    def inputs(self, state: S) -> Mapping[str, bytes]:
        """Kinds of streams to read for this claim and the id to read after, at its beginning."""

    async def step(self, work: Sequence[Work[S]]) -> Sequence[Sequence[Effect]]:
        """Consume entries of many claims at once; return the effects of each, in the same order."""

    def snapshot(self, state: S) -> Snapshot | None:
        """Return what a new owner needs, or None where a claim is simply done again."""

    def committed(self, state: S, number: int) -> None:
        """Learn that every item up to `number` is in the leg's text."""

    def close(self, state: S) -> None:
        """Forget a claim that is finished, lost or handed over."""

    def vitals(self) -> Mapping[str, float]:
        """Return what admission wants to know of this stage's load, for the sign of life."""

    async def watch(self) -> None:
        """Never return; raise once the engine is dead, so that the process ends with it."""

    async def stop(self) -> None:
        """Close the engine."""


@dataclass(slots=True, eq=False)
class Slot(Generic[S]):
    """The runtime's record of one owned claim."""

    claim: Claim
    state: S
    cursors: dict[bytes, bytes]
    emitted: Mark
    serial: int = 1
    """Last second half of an id written under this epoch; the marker took 1."""
    snapshot_due: float = 0.0
    refresh_due: float = 0.0

    @property
    def last_id(self) -> bytes:
        """Last id written under this owner's epoch."""
        return b"%d-%d" % (self.claim.epoch, self.serial)

    def next_id(self) -> bytes:
        """Return the next id under this owner's epoch."""
        self.serial += 1
        return self.last_id
