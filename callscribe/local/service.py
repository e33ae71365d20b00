"""A service's process in the local stack: kept running, and ended."""

import asyncio
import signal
from typing import NoReturn

from callscribe.local.child import Child
from callscribe.local.plan import Plan
from callscribe.local.supervisor import Keeper, obituary
from common.errors import Unavailable
from common.lifecycle import EXIT_FAILED, EXIT_OK


class Service(Keeper[Child]):
    """The process of one plan; it has `drain_s` seconds to end when asked."""

    def __init__(self, plan: Plan, failed: asyncio.Future[NoReturn], drain_s: float) -> None:
        super().__init__(plan, failed)
        self.plan = plan
        self._drain_s = drain_s

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
        return problem

    async def kill(self) -> None:
        """Kill the running process and do not restart it."""
        await self.let_go()
        if self.process is not None:
            self.process.kill()
            await self.process.wait()
