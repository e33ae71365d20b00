"""The recordings of calls as a sink: each is put aside in parts, and made once the call is over."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import get_args

from common.backoff import pauses
from common.redis.link import Link
from common.telemetry.logs import Log
from gateway.calls.directory import Known
from gateway.calls.store import RECORDINGS
from gateway.readers.rendering import Message
from gateway.recordings.encoding import Format
from gateway.recordings.form import PlannedRecordings
from gateway.recordings.recording import Recording, Vanished
from gateway.sinks.every_call import Terms
from gateway.sinks.filters import Filter
from gateway.sinks.sink import Gone, Note
from gateway.sinks.storage import Unavailable, stem_of
from gateway.sinks.stored import Stored
from gateway.sinks.tally import Tally

_log = Log(__name__)

_LOOK_EVERY = 2.0
_PAUSES = (2.0, 30.0)
_MADE_AT_A_TIME = 2
"""Calls whose files are made: that takes a thread each, and memory for a part of each leg."""


class Recordings(Stored):
    """Implements `gateway.sinks.sink.Sink`; see `Stored`."""

    suffixes = (".part", *(f".{each}" for each in get_args(Format)))

    def __init__(self, plan: PlannedRecordings, link: Link, tally: Tally, keep: float) -> None:
        super().__init__(Terms(RECORDINGS, Filter(), tally, keep), plan.storage(), plan.days)
        self._form = plan.form
        self._link = link
        self._running: dict[str, Recording] = {}
        self._making = asyncio.Semaphore(_MADE_AT_A_TIME)

    def wants(self, known: Known) -> bool:
        """See `Sink`."""
        return known.record.recorded

    def picks(self, message: Message) -> bool:
        """See `Sink`: of messages it needs to know that there will be no more."""
        return bool(message["type"] == "session_ended")

    @asynccontextmanager
    async def beside(self, known: Known) -> AsyncGenerator[None]:
        """Put the call's audio aside while it lasts."""
        recording = Recording(self._link, self._storage, known, self._form)
        self._running[known.session] = recording
        following = asyncio.create_task(self._follow(known.session, recording))
        try:
            yield
        finally:
            following.cancel()
            del self._running[known.session]

    async def put(self, known: Known, notes: Sequence[Note]) -> float | None:
        """Make its files; see `Sink`."""
        try:
            async with self._making:
                await self._running[known.session].conclude()
        except Vanished:
            raise Gone("Redis has the call no more") from None
        except Unavailable as error:
            self._failed(error)
            return 0.0
        self.tally.delivered()
        return None

    async def _remove(self, session: str) -> None:
        await self._storage.clear(f"{stem_of(session)}.")

    async def _follow(self, session: str, recording: Recording) -> None:
        waiting = pauses(*_PAUSES)
        while True:
            try:
                await recording.put_aside()
            except Vanished:
                return
            except Unavailable as error:
                self._failed(error)
                await asyncio.sleep(next(waiting))
            except Exception as error:
                _log.exception("sink.failed", error, sink=self.name, session=session)
                await asyncio.sleep(next(waiting))
            else:
                waiting = pauses(*_PAUSES)
                await asyncio.sleep(_LOOK_EVERY)
