"""The call of another tenant, which an attacker is after."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

from tests.attack.holdings import bearer
from tests.attack.rude import BROKEN, Target

NAME = "case-7"
"""The call's conversation_id."""
_PAUSE = 0.05


@asynccontextmanager
async def victims_call(target: Target) -> AsyncIterator[dict[str, Any]]:
    """Hold such a call; yield what its client was told when it was opened."""
    options = {"encoding": "pcm16", "conversation_id": NAME}
    while True:
        async with AsyncExitStack() as stack:
            created = None
            with suppress(*BROKEN):
                victim = await stack.enter_async_context(await target.dial())
                created = await victim.open_call("", bearer(target.held.victim), **options)
            if created is not None:
                victim.read_on()
                yield created
                return
        await asyncio.sleep(_PAUSE)
