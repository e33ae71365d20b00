"""What brokers of messages have in common as sinks: they are told, and can remove nothing."""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence

from gateway.calls.directory import Known
from gateway.calls.erasures import Did, Erased, Removal
from gateway.readers.rendering import Message
from gateway.sinks.every_call import EveryCall
from gateway.sinks.sink import Note, erasure_note


class Broker(EveryCall, ABC):
    """A call's messages are published one after another: the next one once it has the one before.

    So the first of each id come in order, whatever was published twice.
    """

    most = 100
    removes = False
    unavailable: tuple[type[Exception], ...]
    """What `_publish` raises of a message that the broker did not take."""

    async def put(self, known: Known, notes: Sequence[Note]) -> float | None:
        """See `gateway.sinks.sink.Sink`."""
        try:
            for note in notes:
                await self._publish(known.session, note)
        except self.unavailable as error:
            self._failed(error)
            return 0.0
        self.tally.delivered()
        return None

    async def erase(self, erased: Erased) -> Did:
        """See `gateway.sinks.sink.Sink`."""
        note = erasure_note(erased.session)
        if not self.picks(note.message):
            return Did(Removal.KEPT, f"it gets no {note.message['type']}")
        try:
            await self._publish(erased.session, note)
        except self.unavailable as error:
            return self._unerased(error)
        return Did(Removal.TOLD)

    @abstractmethod
    async def _publish(self, session: str, note: Note) -> None:
        """Return once the broker has a message."""


def packed(message: Message) -> bytes:
    """Return the body of a message."""
    return json.dumps(message, ensure_ascii=False).encode()
