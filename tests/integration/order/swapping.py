"""Two events of a call, the second amid the first; and what must be true of the call afterwards."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import redis

from tests.integration.hour.house import House
from tests.integration.order.client import Client
from tests.integration.order.events import (
    ADOPT,
    ENDINGS,
    ERASE,
    EVENTS,
    FINISH,
    FLUSH,
    OPEN,
    SAY,
    SENTENCE,
    WHILE_OPENING,
    Call,
    happen,
)
from tests.integration.order.gates import Gate, Side, Sluice, forget, watched
from tests.integration.pipeline.calls import FINALIZE

SHARED = {
    "gateway's writes": ("gateway0:up",),
    "gateway's reads": ("gateway0:down",),
    "rounds of VAD": ("vad0:work", "vad1:work"),
    "rounds of the recogniser": ("asr0:work", "asr1:work"),
}
"""Connections whose rounds many calls share."""
_SETTLED = 300.0
"""Seconds within which every gateway has let go of a call that is over."""
_PATIENCE = 300.0
"""Seconds that anything may take: most are skipped, unless the machine is busy."""
_LEAVING = frozenset({"going_away", "resumed_elsewhere", "erased", "revoked_key"})
"""What a client may be told that did nothing wrong."""
_AFTER_THE_END = frozenset({"finalized", "session_lost", "resume_unknown"})
_SECONDS = len(SENTENCE) / 32_000
_ROUNDING = 0.01


@dataclass(frozen=True)
class Swap:
    """Two events by name; the second comes when the first is held at a round, on a side.

    `place`: whose rounds these are, if not the event's own; see `SHARED`.
    """

    first: str
    second: str = ""
    at: int = -1
    side: Side = Side.ASKED
    place: str = ""

    def __str__(self) -> str:
        place = self.place or "its rounds"
        return f"{self.second} in {self.first}, {self.side.value} at {self.at} of {place}"


class Case:
    """One swap of one call; `number` tells its client from others."""

    def __init__(self, house: House, swap: Swap, number: int) -> None:
        self.swap = swap
        self.client = Client(f"{number}")
        self.call = Call(house, self.client, house.gateways[1])
        self.rounds = 0
        """Of the first event."""
        self._house = house
        self._stuck = ""

    async def alone(self) -> None:
        """Let the first event happen alone, and count its rounds."""
        await self.prepare()
        gate = Gate(self.client.session, -1, Side.ASKED)
        with watched(gate):
            await happen(self.call, self.swap.first)
        if self.swap.first in ENDINGS:
            await self._let_go()  # its rounds belong to the event
        self.rounds = gate.rounds
        forget(gate)
        await self.conclude()

    async def run(self) -> None:
        """Let the second event happen amid the first one's own rounds."""
        await self.prepare()
        await _swapped([self], Gate(self.client.session, self.swap.at, self.swap.side))
        await self.conclude()

    async def prepare(self) -> None:
        """Bring the call to where the first event begins."""
        if self.swap.first != OPEN:
            await self.client.open(self.call.here)
            await self.call.say(_PATIENCE)
            if len(self.client.texts) != 1:
                self._stuck = "at its first sentence"

    async def second(self) -> None:
        """Let the second event happen; if the call goes elsewhere, then to one more gateway."""
        self.call.elsewhere = self._house.gateways[2]
        await happen(self.call, self.swap.second)

    async def conclude(self) -> None:
        """Let the client have all that is left for it, and end the call."""
        for _ in range(4):
            if self.client.present or await self._resumed():
                if self.client.present and not self.client.ended:
                    await self._finish()
                await self.client.until(lambda: not self.client.present, _PATIENCE)
            if not self.client.present and self.client.connection.closed != (1012, "going_away"):
                break
        if self.client.present:
            self._stuck = "its client was not told of the end"
        await self._let_go()

    async def _resumed(self) -> bool:
        return await self.client.resume(self._house.gateways[1], 1 << 40) is not None

    async def _finish(self) -> None:
        if FINALIZE not in [text for _, text in self.client.controls]:
            if not ENDINGS & {*self.call.happened} and self.call.said < 3:
                await self.call.say(_PATIENCE)
            if self.client.present:
                self.client.finish()

    async def _let_go(self) -> None:
        """Wait until no gateway has the call any more."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_SETTLED):
                while self._somewhere():
                    await asyncio.sleep(0.5)
                return
        self._stuck = f"not let go: {self._somewhere()}"

    def _somewhere(self) -> list[str]:
        """Return what gateways have of the call."""
        session, found = self.client.session, []
        for gateway in self._house.gateways:
            names = [call.state.name for call in gateway._calls if call.id == session]
            names += ["held"] * (session in gateway._calls)
            tasks = [task.get_name() for task in gateway._calls._disposals]
            names += [name for name in tasks if session in name]
            found += [f"{gateway._name}: {name}" for name in names]
        return found

    # --- what must be true ---

    def wrong(self, texts: Sequence[str], client: redis.Redis, folder: Path) -> Iterator[str]:
        """Yield what is not as it must be.

        `texts`: those of the sentences; `folder`: a sink of every call.
        """
        yield from self.client.problems
        if self._stuck:
            yield self._stuck
        if self.client.displaced and ADOPT not in self.call.happened:
            yield "its newest connection was closed for another"
        erased, happened = ERASE in self.call.happened, {*self.call.happened}
        over = bool(happened & (ENDINGS | {ERASE}))
        if strange := self.client.errors - _LEAVING - (_AFTER_THE_END if over else set()):
            yield f"its client was told {strange}"
        if self.client.token and not erased:
            yield from self._misheard(texts)
        yield from self._mismetered(client)
        yield from self._misfiled(folder)
        left = [*client.scan_iter(f"*{self.client.session}*", count=100_000)]
        if erased:  # what became of the erasure can be read for a while
            left = [key for key in left if not key.endswith(b":erasure")]
        else:
            # A worker that adopted a leg late has written its epoch; that expires.
            working = (b":audio", b":clean", b":parked")
            left = [key for key in left if any(kind in key for kind in working)]
        if left:
            yield f"left in Redis: {left}"

    def _misheard(self, texts: Sequence[str]) -> Iterator[str]:
        """A sentence that was said before an end is heard, once and whole."""
        heard, happened = self.client.texts, self.call.happened
        least = most = self.call.said
        ends = [happened.index(name) for name in happened if name in ENDINGS]
        if SAY in happened and ends and (min(ends) < happened.index(SAY) or ADOPT in happened):
            least -= 1
        if heard != [*texts][: len(heard)] or not least <= len(heard) <= most:
            names = [texts.index(each) + 1 if each in texts else each for each in heard]
            yield f"heard {names} of {self.call.said} sentences"

    def _misfiled(self, folder: Path) -> Iterator[str]:
        """A call that is over has a file, with what its client was told; an erased one has none."""
        files = [*folder.glob(f"*/{self.client.session}*")]
        if ERASE in self.call.happened or not self.client.token:
            if ERASE in self.call.happened and files:
                yield f"not erased from a sink: {files}"
            return
        lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
        filed = [line["text"] for line in lines if line["type"] == "final" and line["text"]]
        ids = [line["id"] for line in lines]
        if len(files) != 1 or filed != self.client.texts or len({*ids}) != len(ids):
            yield f"a sink has {len(files)} files with {filed} of {self.client.texts}"
        elif lines[-1]["type"] != "session_ended":
            yield f"a sink has no end: {lines[-1]}"

    def _mismetered(self, client: redis.Redis) -> Iterator[str]:
        counted: Counter[bytes] = Counter()
        for day in client.keys(f"cs:{{t.{self.client.tenant}}}:usage:*"):
            figures: Any = client.hgetall(day)
            counted.update({name: int(figure) for name, figure in figures.items()})
        calls, audio = counted[b"calls"], counted[b"audio_ms"] / 1000
        known = self.client.token and ERASE not in self.call.happened
        if calls > 1 or counted[b"legs"] != calls or (known and calls != 1):
            yield f"metered as {calls} calls"
        # An adopter learns how long the audio is before the former gateway's last write.
        least = _SECONDS * (0.5 if ADOPT in self.call.happened else len(self.client.texts))
        if audio > _SECONDS * self.call.said + _ROUNDING or (known and audio < least - _ROUNDING):
            yield f"metered {audio:.2f} s, heard {len(self.client.texts)} times {_SECONDS:.2f} s"


async def _swapped(cases: Sequence[Case], gate: Gate) -> None:
    """Let the first events begin, the second ones happen once a gate holds, and the first end."""
    with watched(gate):
        firsts = [asyncio.create_task(happen(case.call, case.swap.first)) for case in cases]
    held = asyncio.create_task(gate.held.wait())
    over: asyncio.Future[Any] = asyncio.gather(*firsts)
    await asyncio.wait([held, over], return_when=asyncio.FIRST_COMPLETED)
    held.cancel()
    if gate.held.is_set():
        await asyncio.gather(*(case.second() for case in cases))
    gate.release()
    await over
    forget(gate)


async def shared(cases: Sequence[Case]) -> None:
    """Run cases whose first events are held together, at the same round that they share."""
    swap = cases[0].swap
    await asyncio.gather(*(case.prepare() for case in cases))
    await _swapped(cases, Sluice(SHARED[swap.place], swap.at, swap.side))
    await asyncio.gather(*(case.conclude() for case in cases))


def own_rounds(rounds: dict[str, int]) -> list[Swap]:
    """Return every event amid every event's own rounds, of which there are so many."""
    amid = [name for name in EVENTS if name != OPEN]
    return [
        Swap(first, second, at, side)
        for first in EVENTS
        for second in (WHILE_OPENING if first == OPEN else amid)
        for at, side in product(range(rounds[first]), Side)
        # One process has its answers in the order of its questions.
        if not (first == second == "resume" and at == 0 and side is Side.ANSWERED)
    ]


def shared_rounds() -> list[list[Swap]]:
    """Return every event amid rounds that calls share; those at the same round together."""
    seconds = [name for name in EVENTS if name != OPEN]
    return [
        [Swap(first, second, at, side, place) for second in seconds]
        for first, place, at, side in product((SAY, FLUSH, FINISH), SHARED, range(2), Side)
    ]


def gone(house: House) -> Iterator[str]:
    """Yield what a gateway or worker still has of calls, though all are over."""
    for gateway in house.gateways:
        held: dict[str, Any] = {
            "calls": [*gateway._calls],
            "holders": gateway._calls._holders,
            "conversations": [*gateway._reception],
            "listeners": gateway._feed._sessions,
            "followers": gateway._feed._followed,
            "doorbells": gateway._feed._doorbells,
            "legs": gateway._uplink._legs,
            "erasures": gateway._directory._erasing,
            "late erasures": gateway._directory._later,
            "keys": gateway._handshakes._keys,
        }
        yield from (f"{gateway._name}: {len(each)} {name}" for name, each in held.items() if each)
    for runner in house.runners:
        if runner._slots:
            yield f"{runner._consumer}: {len(runner._slots)} work items"
