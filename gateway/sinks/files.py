"""A folder or a bucket as a sink: a file of each call, written whole once the call is over."""

import json
from collections.abc import Sequence

from gateway.calls.directory import Known
from gateway.sinks.sink import Note
from gateway.sinks.storage import Unavailable, day_of, stem_of
from gateway.sinks.stored import Stored

_SUFFIX = ".ndjson"


class CallFiles(Stored):
    """Implements `gateway.sinks.sink.Sink`; see `Stored`.

    A call is ``<day on which it began, UTC>/<session>.ndjson``, a message a line. Written again,
    it is the same.
    """

    suffixes = (_SUFFIX,)

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

    async def _remove(self, session: str) -> None:
        await self._storage.remove([_name(session)])


def _name(session: str) -> str:
    return f"{stem_of(session)}{_SUFFIX}"
