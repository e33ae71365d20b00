"""Lines in real time: utterances on the worker's scheduler, or as the seeds did it.

A line is told the position that real time has reached, twenty times a second as in the worker, and
lets its utterances see audio and events up to there.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from typing import Protocol

from asr_worker.actions import Cancel, Decode, Kind, Prioritise, PublishFinal, PublishPartial
from asr_worker.api import DecodeFailed, DecodeRequest, Engine, EngineDead, Hypothesis, Priority
from asr_worker.dispatch import Dispatcher, Dropped
from asr_worker.places import Decoded
from asr_worker.scheduler import UtteranceScheduler
from bench.gpu.speech import Event, Spoken
from bench.gpu.tally import BEHIND_WITHIN, FINAL_WITHIN, Tally
from common.audio import SAMPLE_RATE

_TICK = 0.05
_SEEDS_CHUNK = SAMPLE_RATE
"""The seeds decode when another second of audio is there."""


class Clock:
    """Real time as a position, from the clock's making on."""

    def __init__(self) -> None:
        self._began = perf_counter()

    def __call__(self) -> int:
        """Return the position that lines have reached by now."""
        return round((perf_counter() - self._began) * SAMPLE_RATE)


class Utterance(Protocol):
    """One utterance in work. It notes in a tally what it sees."""

    settled: bool
    """Whether its final is there."""

    def advance(self, position: int) -> None:
        """Take audio and events before `position`."""

    async def abandon(self) -> None:
        """Cancel what is being decoded, and note how late what never came is by now."""


class _Watched:
    """What both kinds of utterance note."""

    def __init__(self, spoken: Spoken, tally: Tally, clock: Callable[[], int]) -> None:
        self.settled = False
        self._spoken = spoken
        self._tally = tally
        self._clock = clock
        self._covered = spoken.start
        self._ended: int | None = None

    def _saw(self, end: int) -> None:
        """Text that covers the utterance up to `end` is shown."""
        now = self._clock()
        if self._covered == self._spoken.start:
            self._tally.first.append((now - self._covered) / SAMPLE_RATE)
        self._tally.behind.append((now - self._covered) / SAMPLE_RATE)
        self._covered = max(end, self._covered + 1)

    def _finished(self) -> None:
        assert self._ended is not None
        if self._covered == self._spoken.start:
            self._saw(self._spoken.end)
        self._tally.final.append((self._clock() - self._ended) / SAMPLE_RATE)
        self._tally.finals += 1
        self.settled = True

    def _note_overdue(self) -> None:
        """An overloaded run must not look good by what it never answered."""
        if self.settled:
            return
        now = self._clock()
        if self._ended is not None:
            _note_beyond(FINAL_WITHIN, self._tally.final, now - self._ended)
        if self._ended is None or self._covered == self._spoken.start:
            _note_beyond(BEHIND_WITHIN, self._tally.behind, now - self._covered)

    def _request(
        self, end: int, priority: Priority, previous: Hypothesis | None, *, final: bool
    ) -> DecodeRequest:
        return DecodeRequest(
            utterance=f"{id(self)}",
            audio=self._spoken.audio[: end - self._spoken.start],
            priority=priority,
            previous=previous,
            final=final,
        )


class Scheduled(_Watched):
    """An utterance as the worker has it: `UtteranceScheduler` and the shared `Dispatcher`."""

    def __init__(
        self, spoken: Spoken, tally: Tally, clock: Callable[[], int], dispatcher: Dispatcher
    ) -> None:
        super().__init__(spoken, tally, clock)
        self._dispatcher = dispatcher
        self._scheduler = UtteranceScheduler(spoken.start)
        self._events = deque(spoken.events)
        self._tasks: dict[int, tuple[DecodeRequest, asyncio.Task[Decoded]]] = {}

    def advance(self, position: int) -> None:
        """See `Utterance.advance`."""
        self._scheduler.audio(position)
        while self._events and self._events[0].at <= position:
            self._happened(self._events.popleft())
        self._act()

    async def abandon(self) -> None:
        """See `Utterance.abandon`."""
        self._note_overdue()
        await _cancelled([task for _, task in self._tasks.values()])

    def _happened(self, event: Event) -> None:
        match event.kind:
            case "paused":
                self._scheduler.paused(event.end)
            case "resumed":
                self._scheduler.resumed()
            case "ended":
                self._ended = self._clock()
                self._scheduler.ended(event.end, "silence")

    def _act(self) -> None:
        for action in self._scheduler.due(self._dispatcher.load()):
            match action:
                case Decode():
                    self._start(action)
                case Cancel(token):
                    self._tasks.pop(token)[1].cancel()
                case Prioritise(token, priority):
                    self._dispatcher.prioritise(self._tasks[token][0], priority)
                case PublishPartial(end=end):
                    self._saw(end)
                case PublishFinal(failed=failed):
                    self._tally.failed += failed
                    self._finished()

    def _start(self, decode: Decode) -> None:
        final = decode.kind is not Kind.PARTIAL
        request = self._request(decode.end, decode.priority, decode.previous, final=final)
        task = asyncio.create_task(self._dispatcher.decode(request))
        self._tasks[decode.token] = request, task
        task.add_done_callback(lambda task: self._answered(decode, task))

    def _answered(self, decode: Decode, task: asyncio.Task[Decoded]) -> None:
        if self._tasks.pop(decode.token, None) is None or task.cancelled():
            return
        try:
            decoded = task.result()
        except Dropped:
            self._tally.dropped += 1
            self._scheduler.failed(decode.token)
        except (DecodeFailed, EngineDead):
            self._tally.failed += 1
            self._scheduler.failed(decode.token)
        else:
            self._tally.decoded(decoded, decode.priority)
            took = round(decoded.took * SAMPLE_RATE)
            self._scheduler.decoded(decode.token, decoded.hypothesis, took)
        self._act()


class Blocking(_Watched):
    """An utterance as the seeds have it: all audio again every second, one decode at a time.

    Kinder than they are: other lines' audio still arrives while one decodes, what came meanwhile
    is decoded in one go, and features are not computed again.
    """

    def __init__(
        self,
        spoken: Spoken,
        tally: Tally,
        clock: Callable[[], int],
        engine: Engine,
        lock: asyncio.Lock,
    ) -> None:
        super().__init__(spoken, tally, clock)
        self._engine = engine
        self._lock = lock
        self._decoded_to = spoken.start
        self._previous: Hypothesis | None = None
        self._task: asyncio.Task[None] | None = None

    def advance(self, position: int) -> None:
        """See `Utterance.advance`."""
        if self._ended is None and position >= self._spoken.events[-1].at:
            self._ended = self._clock()
        if self._task is None or self._task.done():
            if self._ended is not None:
                self._task = asyncio.create_task(self._decode(self._spoken.end, final=True))
            elif min(position, self._spoken.end) - self._decoded_to >= _SEEDS_CHUNK:
                end = min(position, self._spoken.end)
                self._task = asyncio.create_task(self._decode(end, final=False))

    async def abandon(self) -> None:
        """See `Utterance.abandon`."""
        self._note_overdue()
        if self._task is not None:
            await _cancelled([self._task])

    async def _decode(self, end: int, *, final: bool) -> None:
        asked = perf_counter()
        priority = Priority.FINAL if final else Priority.REFRESH
        async with self._lock:
            began = perf_counter()
            request = self._request(end, priority, self._previous, final=final)
            try:
                hypothesis = await self._engine.decode(request)
            except (DecodeFailed, EngineDead):
                self._tally.failed += 1
                return
            took = perf_counter() - began
        self._tally.decoded(Decoded(hypothesis, began - asked, took, took, priority), priority)
        self._previous = hypothesis
        self._decoded_to = end
        if final:
            self._finished()
        else:
            self._saw(end)


class Line:
    """Utterances one after another; one may still wait for its final when the next begins."""

    def __init__(self, plan: Iterator[Spoken], opened: Callable[[Spoken], Utterance]) -> None:
        self._plan = plan
        self._opened = opened
        self._next = next(plan)
        self._open: list[Utterance] = []

    def advance(self, position: int) -> None:
        """Let everything on the line see what happened before `position`."""
        while self._next.start <= position:
            self._open.append(self._opened(self._next))
            self._next = next(self._plan)
        self._open = [utterance for utterance in self._open if not utterance.settled]
        for utterance in self._open:
            utterance.advance(position)

    async def hang_up(self) -> None:
        """Abandon what is open."""
        for utterance in self._open:
            await utterance.abandon()


async def hold(lines: Sequence[Line], clock: Clock, seconds: float) -> float:
    """Advance all lines in real time; return the longest delay of a tick in seconds."""
    ticks, late = 0, 0.0
    while (due := ticks * _TICK) < seconds:
        ahead = due - clock() / SAMPLE_RATE
        # Giving way even when late: decodes are answered between two ticks.
        await asyncio.sleep(max(0.0, ahead))
        position = clock()
        late = max(late, position / SAMPLE_RATE - due)
        ticks = max(ticks + 1, int(position / SAMPLE_RATE / _TICK))
        for line in lines:
            line.advance(position)
    return late


def _note_beyond(bound: float, values: list[float], passed: int) -> None:
    """Note a time that is not over only if it is too long already: what it will be is unknown."""
    if passed > bound * SAMPLE_RATE:
        values.append(passed / SAMPLE_RATE)


async def _cancelled(tasks: Sequence[asyncio.Task[Decoded]] | Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
