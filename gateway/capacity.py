"""How many calls the system can carry, by measurement: what admission goes by.

A *look* is what the workers' signs of life and Redis said together, about twice a second. In
between, `refusal` answers from what was observed, at once.

The recognisers decide. What they must do for a leg is to decode the ends of utterances; partials
are elastic (their cadence stretches), so they are no load. What that work costs per second of audio
is learned, over all calls of all gateways; one leg brings a second of audio per second, from the
moment it is admitted. A leg shows its work only after a while: until it has, its audio does not
count as evidence. The less evidence, the more counts the estimate from one decode's time.

Pure: times are seconds of any monotonic clock, given as an argument.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, sqrt

_DECODES_PER_SECOND = 0.25
"""Decodes of ends, tentative ones included, per second of a leg's audio. Measured: 0.12 and 0.26 on
the two sides of the sample call, 0.23 where one of them is always speaking."""
_PRIOR_WEIGHT = 60.0
"""Seconds of audio that the estimate before any measurement is worth."""
_MEMORY = 120.0
_SHOWS_AFTER = 8.0
"""Seconds until audio has led to most of its work: until its utterance has ended."""
_SEEN_AFTER = 2.0
"""Seconds until the signs of life show a leg: its way to a worker, one sign, one look."""
_ROOM_AGAIN = 0.05
"""Once full, this share of the room must be free again."""
_LATE_CLOSE, _LATE_OPEN = 0.5, 0.25
"""Seconds, see `StageLook.late`: about what the silence of an endpoint hides."""
_BUSY_CLOSE, _BUSY_OPEN = 0.95, 0.85
_BUSY_FOR = 3.0
"""Seconds: hundreds of clients that come at once, after an outage, keep a gateway busy, too."""

MEMORY_REFUSE, MEMORY_ADMIT = 0.85, 0.80
MEMORY_HOLD, MEMORY_RELEASE = 0.92, 0.88
"""Shares of Redis's maxmemory. Beyond HOLD no audio is taken, so that workers can still write what
makes room; at all of it every write is refused, theirs too, and nothing is ever trimmed."""


@dataclass(frozen=True, slots=True)
class StageLook:
    """A stage: the places of its live workers, and how far behind its work is, in seconds.

    `lag`: longest time that arrived audio waited to be read. `backlog`: how long the oldest claim
    that no worker has taken waits. Of ASR alone: `places` for decodes, of each worker; what a
    `decode` of a final takes, 0.0 if not known; and how much later than on an idle worker the ends
    of live calls' utterances are decoded, at worst.
    """

    slots: int
    used: int
    lag: float = 0.0
    backlog: float = 0.0
    places: Sequence[int] = ()
    decode: float = 0.0
    late: float = 0.0


@dataclass(frozen=True, slots=True)
class Look:
    """Everything at one moment.

    Since the look before: `work`, seconds of finals' decodes; `audio`, seconds that legs brought.
    `memory`: share of Redis's maxmemory in use, None where it has none. `busy`: share of its time
    that this gateway was at work.
    """

    stages: Mapping[str, StageLook]
    work: float = 0.0
    audio: float = 0.0
    memory: float | None = None
    busy: float = 0.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no call is taken: a label for metrics, and after how many seconds to try again."""

    reason: str
    retry_after: int
    text: str


class Gate:
    """Closes when a value stays above `close` for `patience` seconds; opens below `open`."""

    def __init__(self, close: float, open: float, *, patience: float = 0.0) -> None:
        self._close = close
        self._open = open
        self._patience = patience
        self._above_since: float | None = None
        self.closed = False

    def update(self, value: float, now: float) -> None:
        """Take note of the value at `now`."""
        if value > self._close:
            if self._above_since is None:
                self._above_since = now
            self.closed = self.closed or now - self._above_since >= self._patience
        else:
            self._above_since = None
            self.closed = self.closed and value >= self._open


class WorkPerAudio:
    """Learns how many seconds of work a second of audio leads to."""

    def __init__(self) -> None:
        self._work = 0.0
        self._audio = 0.0
        self._fresh: deque[tuple[float, float]] = deque()
        self._learned: float | None = None

    def learn(self, work: float, audio: float, now: float) -> None:
        """Take in what was done and what arrived since the last time."""
        if self._learned is not None:
            kept = exp(-max(0.0, now - self._learned) / _MEMORY)
            self._work *= kept
            self._audio *= kept
        self._learned = now
        self._work += work
        self._fresh.append((now, audio))
        while self._fresh and now - self._fresh[0][0] >= _SHOWS_AFTER:
            self._audio += self._fresh.popleft()[1]

    def estimate(self, decode: float) -> float:
        """Return the work per audio; `decode`: what one decode takes, 0.0 if not known."""
        prior = decode * _DECODES_PER_SECOND * _PRIOR_WEIGHT
        weight = _PRIOR_WEIGHT if decode else 0.0
        return (prior + self._work) / (weight + self._audio) if weight + self._audio else 0.0


@dataclass(slots=True)
class _Admitted:
    at: float
    legs: int
    denoise: bool


@dataclass(slots=True)
class _Gates:
    """What closes the door for a stage whatever its places are."""

    lag: Gate = field(default_factory=lambda: Gate(0.5, 0.25, patience=1.0))
    backlog: Gate = field(default_factory=lambda: Gate(2.0, 0.5))
    late: Gate = field(default_factory=lambda: Gate(_LATE_CLOSE, _LATE_OPEN))


class Capacity:
    """Says whether there is room for a call more.

    `asr_load`: share of its time that a recogniser with one place may spend on ends of utterances.
    What is left over is for partials, and for an end not to wait for others'. Of more places less
    need be left over, in proportion to their square root (Halfin and Whitt, "Heavy-traffic limits
    for queues with many exponential servers", Operations Research 29, 1981). 0: calls are let in by
    places alone, whatever is measured.
    """

    def __init__(self, asr_load: float) -> None:
        self._spare = 1.0 - asr_load
        self._measured = asr_load > 0.0
        self._look = Look({})
        self._cost = WorkPerAudio()
        self._admitted: dict[object, _Admitted] = {}
        self._gates: dict[str, _Gates] = {}
        self._memory = Gate(MEMORY_REFUSE, MEMORY_ADMIT)
        self._flood = Gate(MEMORY_HOLD, MEMORY_RELEASE)
        self._busy = Gate(_BUSY_CLOSE, _BUSY_OPEN, patience=_BUSY_FOR)
        self._crowded = False

    @property
    def flooded(self) -> bool:
        """Whether Redis is so full that no audio may be read from clients until it is less so."""
        return self._flood.closed

    @property
    def room(self) -> float | None:
        """How many legs the recognisers can carry in all; None if nothing tells, or nobody asks."""
        asr = self._look.stages.get("asr")
        if asr is None or not asr.places or not self._measured:
            return None
        cost = self._cost.estimate(asr.decode)
        # An utterance stays with its worker: one that is busy cannot pass it to one that is not.
        bearable = sum(places - self._spare * sqrt(places) for places in asr.places)
        return bearable / cost if cost else None

    def observe(self, look: Look, now: float) -> None:
        """Take in a look."""
        self._look = look
        self._cost.learn(look.work, look.audio, now)
        for name, stage in look.stages.items():
            gates = self._gates.setdefault(name, _Gates())
            gates.lag.update(stage.lag, now)
            gates.backlog.update(stage.backlog, now)
            gates.late.update(stage.late, now)
        self._memory.update(look.memory or 0.0, now)
        self._flood.update(look.memory or 0.0, now)
        self._busy.update(look.busy, now)
        for seen in [n for n, a in self._admitted.items() if now - a.at >= _SEEN_AFTER]:
            del self._admitted[seen]
        if (room := self.room) is not None:
            free = room - self._legs(now, None)
            self._crowded = free < 1.0 + (room * _ROOM_AGAIN if self._crowded else 0.0)

    def admit(self, name: object, legs: int, now: float, *, denoise: bool = False) -> None:
        """Count a call that was let in; under the same name it is counted once, the last way."""
        self._admitted[name] = _Admitted(now, legs, denoise)

    def withdraw(self, name: object) -> None:
        """Do not count a call that was let in and went away before it began."""
        self._admitted.pop(name, None)

    def refusal(
        self, legs: int, now: float, *, denoise: bool = False, name: object = None
    ) -> Refusal | None:
        """Return why no call of so many legs can be taken, or None.

        `name`: a call that `admit` has counted already, and that is asked about again.
        """
        if self._memory.closed:
            return Refusal("redis_memory", 10, "Redis is nearly full")
        for stage in ("vad", "denoise") if denoise else ("vad",):
            refusal = self._places(stage, legs, now, name)
            if refusal is not None:
                return refusal
        if not self._measured:
            return None
        running = self._legs(now, name)
        # Whatever was measured, an idle system takes a call.
        if not running:
            return None
        if self._busy.closed:
            return Refusal("gateway_busy", 5, "this gateway has no time for another call")
        for stage in ("vad", "asr", "denoise") if denoise else ("vad", "asr"):
            refusal = self._behind(stage)
            if refusal is not None:
                return refusal
        return self._recognisers(running, legs, name)

    def _places(self, stage: str, legs: int, now: float, name: object) -> Refusal | None:
        look = self._look.stages.get(stage)
        if look is None or not look.slots:
            return None  # nobody is there: that is another refusal, and another remedy
        coming = self._coming(now, name, denoise=stage == "denoise")
        if look.slots - look.used - coming >= legs:
            return None
        return Refusal(f"{stage}_slots", 5, f"all {look.slots} {stage} slots are taken")

    def _behind(self, stage: str) -> Refusal | None:
        look, gates = self._look.stages.get(stage), self._gates.get(stage)
        if look is None or gates is None or not look.slots:
            return None
        if gates.lag.closed:
            return Refusal("lag", 5, f"{stage} is {look.lag:.1f} s behind")
        if gates.backlog.closed:
            return Refusal(f"{stage}_backlog", 5, f"work waits {look.backlog:.1f} s for {stage}")
        if gates.late.closed and self._look.stages["vad"].used:
            return Refusal("asr_wait", 5, f"ends are recognised {look.late:.1f} s late")
        return None

    def _recognisers(self, running: int, legs: int, name: object) -> Refusal | None:
        if (room := self.room) is None:
            return None
        # Whoever was let in is not sent away for having filled the last place himself.
        crowded = self._crowded and name not in self._admitted
        if not crowded and running + legs <= room:
            return None
        return Refusal("asr_load", 5, f"the recognisers have work with {running} legs")

    def _legs(self, now: float, name: object) -> int:
        vad = self._look.stages.get("vad")
        return (vad.used if vad else 0) + self._coming(now, name, denoise=False)

    def _coming(self, now: float, name: object, *, denoise: bool) -> int:
        """Return the legs of calls let in that the signs of life do not show yet."""
        return sum(
            admitted.legs
            for each, admitted in self._admitted.items()
            if each != name
            and now - admitted.at < _SEEN_AFTER
            and (admitted.denoise or not denoise)
        )
