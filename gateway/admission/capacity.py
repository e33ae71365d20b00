"""How many calls the system can carry, by measurement; admission decides by it.

A *look* reads the workers' reports and Redis's state together, about twice a second. In between,
`refusal` answers immediately, from what was observed.

The recognisers are the limit. For a leg they must decode the ends of utterances; partials are
elastic (their cadence stretches), so they are no load. The cost of that work per second of audio is
learned, over all calls of all gateways; one leg brings a second of audio per second, from its
admission on. Audio is evidence only after its utterance has ended, because its work shows only
then. While there is little evidence, the time of one decode gives an estimate, which loses weight
as evidence comes in. What was learned fades within minutes.

A recogniser that was not busy recently has room, whatever was learned and however late a final was.
So recognisers are a reason to refuse a call only if they were busy, or will be with the legs that
have come since.

Workers may report how many legs they were proved to carry. That figure then bounds the legs in
place of what was learned, busy or not; late finals still close the door below it.

Pure: times are seconds of any monotonic clock, given as an argument.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, sqrt

from common.pipeline.stages import ASR, PIPELINE, REQUIRED, VAD, StageSpec, Unit
from gateway.admission.evidence import Decodes, Evidence

_DECODES_PER_SECOND = 0.25
"""Decodes of ends, tentative ones included, per second of a leg's audio. Measured: 0.12 and 0.26 on
the two sides of the sample call, 0.23 where one of them is always speaking."""
_BESIDE_CALLS = 2.0
"""How many times longer a decode takes while calls run than on the idle worker that the estimate
comes from. Measured on two cores."""
_PRIOR_WEIGHT = 10.0
"""Weight of the estimate before any measurement, in seconds of audio."""
_MEMORY = 60.0
_MOST_EVIDENCE = 300.0
"""Greatest weight of all measurements, in seconds of audio: it is forgotten in two minutes."""
_SHOWS_AFTER = 4.0
"""Seconds from an utterance's end until its audio has led to its work."""
_SEEN_AFTER = 2.0
"""Seconds until the reports show a leg: its way to a worker, one report, one look."""
_ROOM_AGAIN = 0.05
"""Once full, this share of the room must be free again."""
_LATE_CLOSE, _LATE_OPEN = 0.10, 0.05
"""Shares of the finals, see `Evidence.late`."""
BUSY = 0.7
"""Recognisers that use less than this share of their places have room, whatever was measured."""
_WITH_PARTIALS = 2.0
"""How many times busier a leg keeps recognisers with its partials than with its finals alone.
Measured: 2 where they are nearly full, 4 where they have time."""
_BUSY_CLOSE, _BUSY_OPEN = 0.95, 0.85
_BUSY_FOR = 3.0
"""Seconds: hundreds of clients that connect together after an outage keep a gateway busy, too."""

MEMORY_REFUSE, MEMORY_ADMIT = 0.85, 0.80
MEMORY_HOLD, MEMORY_RELEASE = 0.92, 0.88
"""Shares of Redis's maxmemory. Above HOLD no audio is read, so that workers can still write what
makes room. At 1 Redis refuses every write, the workers' too, and nothing would ever be trimmed."""


@dataclass(frozen=True, slots=True)
class StageLook:
    """A stage: the places of its live workers, and how far behind its work is, in seconds.

    `lag`: how old the newest audio was when it was handled. `backlog`: how long the oldest work
    item without an owner has waited. `recordings`: legs whose audio comes faster than it was
    spoken; their work waits for that of live calls. `quiet`: legs that send nothing: they have
    places of VAD, and are no work for recognisers until they speak. Only for ASR: `places` for
    decodes, of each worker, the time that a final's `decode` takes, 0.0 if not known, and the
    `legs` that all of them were proved to carry, 0 unless each reports it.
    """

    slots: int
    used: int
    recordings: int = 0
    quiet: int = 0
    lag: float = 0.0
    backlog: float = 0.0
    places: Sequence[int] = ()
    decode: float = 0.0
    legs: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """Everything at one moment.

    Since the last look: `work`, seconds of finals' decodes; `audio`, seconds of legs' audio that is
    silence or whose utterance has ended; `decodes`, what the recognisers did. `memory`: share of
    Redis's maxmemory in use, None where it has none. `busy`: share of its time that this gateway
    was at work.
    """

    stages: Mapping[str, StageLook]
    work: float = 0.0
    audio: float = 0.0
    decodes: Decodes = field(default_factory=Decodes)
    memory: float | None = None
    busy: float = 0.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no call is admitted: a label for metrics, and after how many seconds to try again."""

    reason: str
    retry_after: int
    text: str


SHORT_OF_SLOTS = frozenset(f"{each.name}_slots" for each in PIPELINE if each.unit is Unit.LEG)
"""Reasons that pass as soon as another call ends, even one that says nothing."""
SHORT_OF_PLACES = SHORT_OF_SLOTS | {f"{ASR.name}_load", f"{ASR.name}_legs"}
"""Reasons that pass as soon as another call ends."""


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
        """Ingest the work that was done and the audio that arrived since the last time."""
        if self._learned is not None:
            kept = exp(-max(0.0, now - self._learned) / _MEMORY)
            self._work *= kept
            self._audio *= kept
        self._learned = now
        self._work += work
        self._fresh.append((now, audio))
        while self._fresh and now - self._fresh[0][0] >= _SHOWS_AFTER:
            self._audio += self._fresh.popleft()[1]
        if self._audio > _MOST_EVIDENCE:
            self._work *= _MOST_EVIDENCE / self._audio
            self._audio = _MOST_EVIDENCE

    def estimate(self, decode: float) -> float:
        """Return the work per audio; `decode`: what one decode takes, 0.0 if not known."""
        prior = decode * _BESIDE_CALLS * _DECODES_PER_SECOND * _PRIOR_WEIGHT
        weight = _PRIOR_WEIGHT if decode else 0.0
        return (prior + self._work) / (weight + self._audio) if weight + self._audio else 0.0


@dataclass(slots=True)
class _Admitted:
    at: float
    legs: int
    stages: Sequence[StageSpec]


@dataclass(slots=True)
class _Gates:
    """Reasons to refuse calls for a stage, however many places it has."""

    lag: Gate = field(default_factory=lambda: Gate(0.5, 0.25, patience=1.0))
    backlog: Gate = field(default_factory=lambda: Gate(2.0, 0.5))


class Capacity:
    """Says whether there is room for another call.

    `asr_load`: share of its time that a recogniser with one place may spend on ends of utterances.
    The rest is for partials, and keeps ends from waiting for each other. What must be left over
    grows only with the square root of the number of places (Halfin and Whitt, "Heavy-traffic limits
    for queues with many exponential servers", Operations Research 29, 1981). 0: calls are admitted
    by places and proved legs alone, whatever is measured.
    """

    def __init__(self, asr_load: float) -> None:
        self._spare = 1.0 - asr_load
        self._measured = asr_load > 0.0
        self._look = Look({})
        self._cost = WorkPerAudio()
        self._admitted: dict[object, _Admitted] = {}
        self._gates: dict[str, _Gates] = {}
        self._evidence = Evidence()
        self._late = Gate(_LATE_CLOSE, _LATE_OPEN)
        self._memory = Gate(MEMORY_REFUSE, MEMORY_ADMIT)
        self._flood = Gate(MEMORY_HOLD, MEMORY_RELEASE)
        self._busy = Gate(_BUSY_CLOSE, _BUSY_OPEN, patience=_BUSY_FOR)
        self._crowded = False

    @property
    def flooded(self) -> bool:
        """Whether Redis is so full that no audio may be read from clients now."""
        return self._flood.closed

    @property
    def busy(self) -> float:
        """Share of the recognisers' places that was in use recently; 0 if nothing was measured."""
        return self._evidence.busy or 0.0

    @property
    def _proved(self) -> int:
        asr = self._look.stages.get(ASR.name)
        return asr.legs if asr else 0

    @property
    def room(self) -> float | None:
        """How many legs the recognisers can carry in all; None if not known, or not limited."""
        asr = self._look.stages.get(ASR.name)
        if asr is None or not asr.places or not self._measured:
            return None
        cost = self._cost.estimate(asr.decode)
        # An utterance stays with its worker: a busy worker cannot pass it to an idle one.
        bearable = sum(places - self._spare * sqrt(places) for places in asr.places)
        return bearable / cost if cost else None

    def observe(self, look: Look, now: float) -> None:
        """Ingest a look."""
        self._look = look
        self._cost.learn(look.work, look.audio, now)
        for name, stage in look.stages.items():
            gates = self._gates.setdefault(name, _Gates())
            gates.lag.update(stage.lag, now)
            gates.backlog.update(stage.backlog, now)
        self._evidence.learn(look.decodes, self._legs(now, None), now)
        self._late.update(self._evidence.late, now)
        self._memory.update(look.memory or 0.0, now)
        self._flood.update(look.memory or 0.0, now)
        self._busy.update(look.busy, now)
        for seen in [n for n, a in self._admitted.items() if now - a.at >= _SEEN_AFTER]:
            del self._admitted[seen]
        if (room := self.room) is not None:
            free = room - self._legs(now, None)
            self._crowded = free < 1.0 + (room * _ROOM_AGAIN if self._crowded else 0.0)

    def reserve(
        self, name: object, legs: int, now: float, *, stages: Sequence[StageSpec] = REQUIRED
    ) -> None:
        """Count an admitted call; if the name is counted already, this replaces it."""
        self._admitted[name] = _Admitted(now, legs, stages)

    def withdraw(self, name: object) -> None:
        """Stop counting an admitted call that went away before it began."""
        self._admitted.pop(name, None)

    def refusal(
        self,
        legs: int,
        now: float,
        *,
        stages: Sequence[StageSpec] = REQUIRED,
        name: object = None,
        silent: int = 0,
    ) -> Refusal | None:
        """Return why no call with this number of legs can be admitted, or None.

        `stages`: those that it passes through. `name`: the call's, if `admit` has counted it
        already. `silent`: quiet legs of the same client, which count for it as if they spoke.
        """
        if self._memory.closed:
            return Refusal("redis_memory", 10, "Redis is nearly full")
        # Stages that every call needs are reported first.
        stages = sorted(stages, key=lambda stage: not stage.required)
        for stage in stages:
            refusal = self._places(stage, legs, now, name) if stage.unit is Unit.LEG else None
            if refusal is not None:
                return refusal
        running = self._legs(now, name) + silent
        # An idle system admits a call, whatever was measured.
        if not running:
            return None
        if running + legs > self._proved > 0:
            text = f"the recognisers carry {self._proved} legs"
            return Refusal(f"{ASR.name}_legs", 5, text)
        if not self._measured:
            return None
        if self._busy.closed:
            return Refusal("gateway_busy", 5, "this gateway has no time for another call")
        for stage in stages:
            refusal = self._behind(stage)
            if refusal is not None:
                return refusal
        return self._recognisers(running, legs, name)

    def _places(self, stage: StageSpec, legs: int, now: float, name: object) -> Refusal | None:
        look = self._look.stages.get(stage.name)
        if look is None or not look.slots:
            return None  # no worker: that is another refusal, with another remedy
        coming = self._coming(now, name, stage)
        if look.slots - look.used - coming >= legs:
            return None
        return Refusal(f"{stage.name}_slots", 5, f"all {look.slots} {stage.name} slots are taken")

    def _behind(self, stage: StageSpec) -> Refusal | None:
        name = stage.name
        look, gates = self._look.stages.get(name), self._gates.get(name)
        if look is None or gates is None or not look.slots:
            return None
        if gates.lag.closed:
            return Refusal("lag", 5, f"{name} is {look.lag:.1f} s behind")
        if gates.backlog.closed:
            return Refusal(f"{name}_backlog", 5, f"work waits {look.backlog:.1f} s for {name}")
        return None

    def _recognisers(self, running: int, legs: int, name: object) -> Refusal | None:
        busy = self._evidence.busy
        if self._late.closed and (busy is None or busy >= BUSY):
            late = self._evidence.late
            return Refusal(f"{ASR.name}_wait", 5, f"{late:.0%} of the finals are late")
        if self._proved or (room := self.room) is None:
            return None
        # A call that is counted already is not refused because it took the last place itself.
        crowded = self._crowded and name not in self._admitted
        if (not crowded and running + legs <= room) or not self._will_be_busy(running):
            return None
        return Refusal(f"{ASR.name}_load", 5, f"the recognisers have work with {running} legs")

    def _will_be_busy(self, running: int) -> bool:
        """Whether the recognisers were busy recently, or will be with the new legs."""
        asr, busy = self._look.stages[ASR.name], self._evidence.busy
        if busy is None:
            return True
        each = _WITH_PARTIALS * self._cost.estimate(asr.decode) / sum(asr.places)
        return busy + self._evidence.newcomers(running) * each >= BUSY

    def _legs(self, now: float, name: object) -> int:
        vad = self._look.stages.get(VAD.name)
        live = max(0, vad.used - vad.recordings - vad.quiet) if vad else 0
        return live + self._coming(now, name, VAD)

    def _coming(self, now: float, name: object, stage: StageSpec) -> int:
        """Return the legs of admitted calls that the stage's workers do not report yet."""
        return sum(
            admitted.legs
            for each, admitted in self._admitted.items()
            if each != name and now - admitted.at < _SEEN_AFTER and stage in admitted.stages
        )
