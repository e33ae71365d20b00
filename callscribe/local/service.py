"""A service's process in the local stack: kept running, replaced by a new one, ended."""

import asyncio
import signal
import time
from collections.abc import Callable
from typing import NoReturn

from callscribe.local.child import Child
from callscribe.local.plan import Plan
from callscribe.local.supervisor import Keeper, ending, lateness, obituary, until_ready
from common.errors import Unavailable
from common.lifecycle import EXIT_FAILED, EXIT_OK

Say = Callable[[str], None]


class Service(Keeper[Child]):
    """The process of one plan; it has `drain_s` seconds to end when asked."""

    def __init__(self, plan: Plan, failed: asyncio.Future[NoReturn], drain_s: float) -> None:
        super().__init__(plan, failed)
        self.plan = plan
        self._drain_s = drain_s
        self._draining: asyncio.Task[None] | None = None

    async def restart(self, ready_s: float, say: Say) -> None:
        """Ask the process to end, and start it again.

        Raises Unavailable when the new one ends or is not ready within `ready_s` seconds; it is
        still kept running, as after any other death. After cancelling, `end` ends the running
        process.
        """
        await self.let_go()
        old, self.process = self.process, None
        self.ready.clear()
        if old is not None:
            say(f"{self.name}: pid {old.pid} drains")
            await self._drain(old, say)
        began = time.monotonic()
        try:
            self.process = await _start(self.plan)
            await _until_ready(self.plan, self.process, ready_s)
        except Unavailable:
            self.keep()
            raise
        took = time.monotonic() - began
        say(f"{self.name}: pid {self.process.pid} is ready after {took:.1f} s")
        self.note_ready(self.process)
        self.keep()

    async def replace(self, successor: Plan, ready_s: float, say: Say) -> None:
        """Have a process of another plan ready before the present one is asked to end.

        Raises Unavailable when the new one ends or is not ready within `ready_s` seconds; the old
        one then stays. Cancelling ends a new one that is not ready yet; `end` ends the rest.
        """
        began = time.monotonic()
        new = await _start(successor)
        try:
            await _until_ready(successor, new, ready_s)
        except BaseException:
            new.kill()
            await new.wait()
            raise
        took = time.monotonic() - began
        self.plan = successor
        old = self.hand_over(successor, new)
        self.note_ready(new)
        drains = "" if old is None else f", pid {old.pid} drains"
        say(f"{self.name}: pid {new.pid} is ready after {took:.1f} s{drains}")
        if old is not None:
            await self._drain(old, say)

    async def end(self, *, hurry_after: float | None = None) -> Unavailable | None:
        """End the running process and do not restart it; report a bad end. `kill` after cancelling.

        `hurry_after`: seconds after which it need not finish its work.
        """
        await self.let_go()
        problem = None
        if (child := self.process) is not None:  # else it died before, and that was reported
            by_itself = await child.stop(self._drain_s, hurry_after=hurry_after)
            code = await child.wait()
            # SIGTERM: stopped before it could handle it, at its very start.
            well = [EXIT_OK, -signal.SIGTERM]
            if hurry_after is not None and by_itself:
                well.append(EXIT_FAILED)  # cut short, as asked
            if code not in well:
                late = "" if by_itself else f"not ended within {self._drain_s:g} s: "
                problem = Unavailable(late + obituary(self.name, child, code), stage=self.name)
        if self._draining is not None:
            await asyncio.wait({self._draining})
        return problem

    async def kill(self) -> None:
        """Kill the running process and do not restart it."""
        await self.let_go()
        if self._draining is not None:
            self._draining.cancel()
            await asyncio.wait({self._draining})
        if self.process is not None:
            self.process.kill()
            await self.process.wait()

    async def _drain(self, old: Child, say: Say) -> None:
        """Wait for the end of `old`; it continues draining if this is cancelled."""

        async def drain() -> None:
            began = time.monotonic()
            by_itself = await old.stop(self._drain_s)
            code = await old.wait()
            how = "" if code == EXIT_OK else f" with {ending(code)}"
            late = "" if by_itself else ", killed"
            took = time.monotonic() - began
            say(f"{self.name}: pid {old.pid} ended{how} after {took:.1f} s{late}")

        self._draining = asyncio.create_task(drain(), name=f"drain:{self.name}")
        await asyncio.shield(self._draining)


async def _start(plan: Plan) -> Child:
    try:
        return await plan.start()
    except OSError as error:
        raise Unavailable(f"{plan.name} cannot be started: {error}", stage=plan.service) from error


async def _until_ready(plan: Plan, child: Child, limit: float) -> None:
    try:
        async with asyncio.timeout(limit):
            alive = await until_ready(plan, child)
    except TimeoutError:
        raise await lateness(plan, child, limit) from None
    if not alive:
        raise Unavailable(obituary(plan.name, child, await child.wait()), stage=plan.service)
