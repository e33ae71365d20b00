"""Words that come after their finals: how long a session waits for them, and how it gives up."""

import asyncio
import time
from collections.abc import Sequence

from common.bus.attachments import attach
from common.pipeline.text import Words
from common.redis.link import Link, ScriptCall
from common.telemetry.logs import Log
from gateway.feed.results import AwaitedWords

MOST_AWAITED = 60.0
"""Seconds after its final that a call in progress awaits words. A live aligner answers long before,
if only with an error; the work items of a dead one are taken over within a lease."""

_log = Log(__name__)


class LateWords:
    """The words that one session's finals were sent without.

    Giving up is an answer in the leg's text, like an aligner's: the first one counts, and every
    reader of the text gets the same. No doorbell rings for it; the gateway's sweep finds it.
    """

    def __init__(self, link: Link, session: str) -> None:
        self._link = link
        self._session = session
        self._since: dict[AwaitedWords, float] = {}
        self._patience: asyncio.TimerHandle | None = None
        self._answers: set[asyncio.Task[None]] = set()

    def note(self, awaited: Sequence[AwaitedWords]) -> None:
        """Learn what is awaited now; its time runs from when it was first noted."""
        now = time.monotonic()
        self._since = {each: self._since.get(each, now) for each in awaited}

    @property
    def pending(self) -> bool:
        """Whether any words are still to come."""
        return bool(self._since)

    def forgo_overdue(self) -> None:
        """Give up what is awaited for longer than `MOST_AWAITED`; to be called periodically."""
        latest = time.monotonic() - MOST_AWAITED
        self._forgo([each for each, since in self._since.items() if since < latest])

    def forgo_after(self, wait: float) -> None:
        """Give up what is still awaited after `wait` seconds; only the first call counts."""
        if self._patience is None:
            loop = asyncio.get_running_loop()
            self._patience = loop.call_later(wait, lambda: self._forgo(list(self._since)))

    def close(self) -> None:
        """Stop waiting."""
        if self._patience is not None:
            self._patience.cancel()
        for answer in self._answers:
            answer.cancel()

    def _forgo(self, awaited: Sequence[AwaitedWords]) -> None:
        if not awaited:
            return
        _log.warning("words.forgone", session=self._session, finals=len(awaited))
        words = Words(None, "the word times took too long")
        calls = [attach(each.leg, each.number, each.digest, words) for each in awaited]
        answer = asyncio.create_task(self._answer(calls), name=f"words:{self._session}")
        self._answers.add(answer)
        answer.add_done_callback(self._answers.discard)

    async def _answer(self, calls: Sequence[ScriptCall]) -> None:
        await self._link.evaluate(calls)
