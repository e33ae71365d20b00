"""The whole proof: the search in several runs, then the figure itself and more calls than it.

Each run has a stack of its own, so that none profits from what another learned.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from math import inf
from typing import Protocol, TypeAlias

from callscribe.prove import search
from callscribe.prove.objective import Breach, Objective, breaches
from callscribe.prove.search import Search
from callscribe.prove.trial import Trial

Load: TypeAlias = Callable[[int, float], Awaitable[Trial]]
"""Keeps a number of calls up for a time in s, and measures them."""


class Machine(Protocol):
    """Where calls are recognised."""

    def started(self, **settings: str) -> AbstractAsyncContextManager[Load]:
        """Start a new system with these settings besides its own, and end it on leaving."""


_FIRST = 2
"""Calls of the first trial, whose word errors are those of few calls."""
_MOST = 500
"""Calls that are tried at most: what a gateway admits by default."""
_COARSE, _FINE = 2.0, 1.25
"""Growth of the first run's ramp, and of the others', which begin at its limit."""
_MARGINAL = 3.0
"""A value less than this many times its limit may be chance: that trial is repeated once."""
_ATTEMPTS = 3
"""Figures that are tried: the first, and smaller ones if it does not hold."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to prove, and how: `runs` searches with loads of `dwell_s`, the proof over `hold_s`.

    `workers`: recognisers that share the calls. `loop_s`: length of all that is spoken.
    """

    objective: Objective
    workers: int
    loop_s: float
    runs: int
    dwell_s: float
    hold_s: float


@dataclass(frozen=True)
class Judged:
    """A trial and what it broke of the objective; `phase` names its part of the proof."""

    phase: str
    trial: Trial
    breaches: Sequence[Breach]

    @property
    def held(self) -> bool:
        """Whether the objective held."""
        return not self.breaches


@dataclass
class Outcome:
    """What was found: the limit of each run, and the figure that held, 0 if none did."""

    judged: list[Judged] = field(default_factory=list)
    limits: list[int] = field(default_factory=list)
    figure: int = 0
    base_wer: float | None = None
    """Share of word errors in the first trial, with few calls; None if none could be judged."""

    @property
    def proved(self) -> bool:
        """Whether the runs agree and the figure held."""
        return self.figure > 0 and search.agree(self.limits)

    @property
    def capped(self) -> bool:
        """Whether each run held with as many calls as are tried, so that the limit is not known."""
        return bool(self.limits) and min(self.limits) >= _MOST


class Proof:
    """Makes the proof; `tell` gets each trial when it has been judged."""

    def __init__(self, machine: Machine, plan: Plan, tell: Callable[[Judged], None]) -> None:
        self._machine = machine
        self._plan = plan
        self._tell = tell
        self._outcome = Outcome()

    async def run(self) -> Outcome:
        """Return the outcome. Errors are the machine's; cancelling ends its system."""
        plan, outcome = self._plan, self._outcome
        for number in range(1, plan.runs + 1):
            outcome.limits.append(await self._limit(f"run {number}"))
            if not outcome.limits[-1]:
                return outcome
        if not search.agree(outcome.limits):
            return outcome
        figure = search.figure(outcome.limits, plan.workers)
        for _ in range(_ATTEMPTS):
            if figure and await self._holds(figure):
                outcome.figure = figure
                break
            figure = search.lowered(figure, plan.workers)
        return outcome

    async def _limit(self, phase: str) -> int:
        limits = self._outcome.limits
        start, growth = (limits[0], _FINE) if limits else (_FIRST, _COARSE)
        steps = Search(start, growth=growth, most=_MOST)
        # Admission is what is to be set: here it must not refuse what could be carried.
        async with self._machine.started(ASR_LOAD="0") as load:
            while (calls := steps.next()) is not None:
                judged = await self._try(phase, load, calls)
                if judged.breaches and max(each.ratio for each in judged.breaches) < _MARGINAL:
                    judged = await self._try(phase, load, calls)
                steps.note(calls, held=judged.held)
        return steps.holds

    async def _try(self, phase: str, load: Load, calls: int) -> Judged:
        plan, outcome = self._plan, self._outcome
        seconds = plan.dwell_s
        first = not outcome.judged
        if first:  # until each passage was spoken once
            seconds = min(2 * seconds, max(seconds, plan.loop_s / calls))
        trial = await load(calls, seconds)
        if first:
            outcome.base_wer = trial.measured.wer
        return self._judge(phase, trial)

    async def _holds(self, figure: int) -> bool:
        """Prove a figure as the capacity: exactly as many calls, then more."""
        hold_s = self._plan.hold_s
        async with self._machine.started(ASR_LEGS=str(figure // self._plan.workers)) as load:
            if not self._judge("figure", await load(figure, hold_s)).held:
                return False
            trial = await load(search.surplus(figure), hold_s)
            return self._judge("surplus", trial, most=figure).held

    def _judge(self, phase: str, trial: Trial, *, most: int | None = None) -> Judged:
        """Judge a load: all its calls must come up, or no more than `most`, the others refused."""
        found = trial.measured
        broken = breaches(self._plan.objective, found, self._outcome.base_wer)
        # A refusal by itself is none: for a moment a newcomer counts twice, then it is let in.
        if most is None and found.most_up < trial.calls:
            why = f": {found.reasons[0]}" if found.reasons else ""
            broken.append(Breach(f"{found.most_up} of {trial.calls} calls up{why}", inf))
        if most is not None and not found.refused:
            broken.append(Breach("none refused", inf))
        if most is not None and found.most_up > most:
            broken.append(Breach(f"{found.most_up} calls let in", inf))
        judged = Judged(phase, trial, broken)
        self._outcome.judged.append(judged)
        self._tell(judged)
        return judged
