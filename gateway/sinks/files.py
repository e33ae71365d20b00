"""A folder or a bucket as a sink: a file of each call, written whole once the call is over."""

import json
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from gateway.calls.directory import Known
from gateway.calls.erasures import Did, Erased, Removal
from gateway.sinks.every_call import EveryCall, Terms
from gateway.sinks.sink import Note
from gateway.sinks.storage import Storage, Unavailable, day_of, stem_of
from gateway.sinks.tidying import tidied

_SUFFIX = ".ndjson"


class CallFiles(EveryCall):
    """Implements `gateway.sinks.sink.Sink`; see `EveryCall`.

    A call is ``<day on which it began, UTC>/<session>.ndjson``, a message a line. Written again,
    it is the same. It is kept for `days` days, None for ever.
    """

    most = 0

    def __init__(self, terms: Terms, storage: Storage, days: int | None = None) -> None:
        super().__init__(terms)
        self._storage = storage
        self._days = days

    def opened(self) -> AbstractAsyncContextManager[None]:
        """See `Sink`."""
        return tidied(self._storage, self._days, (_SUFFIX,), self._failed)

    async def check(self) -> str | None:
        """See `Sink`."""
        try:
            await self._storage.check()
        except Unavailable as error:
            return str(error)
        return None

    async def put(self, known: Known, notes: Sequence[Note]) -> float | None:
        """See `Sink`."""
        lines = [json.dumps({"id": note.id, **note.message}, ensure_ascii=False) for note in notes]
        content = "".join(f"{line}\n" for line in lines).encode()
        try:
            await self._storage.write(day_of(known), _name(known.session), content)
        except Unavailable as error:
            self._failed(error)
            return 0.0
        self.tally.delivered()
        return None

    async def erase(self, erased: Erased) -> Did:
        """See `Sink`."""
        try:
            await self._storage.remove([_name(erased.session)])
        except Unavailable as error:
            return self._unerased(error)
        return Did(Removal.REMOVED)


def _name(session: str) -> str:
    return f"{stem_of(session)}{_SUFFIX}"
