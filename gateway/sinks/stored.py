"""What sinks have in common that keep files of each call in a folder or a bucket."""

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager

from gateway.calls.erasures import Did, Erased, Removal
from gateway.sinks.every_call import EveryCall, Terms
from gateway.sinks.storage import Storage, Unavailable
from gateway.sinks.tidying import tidied


class Stored(EveryCall, ABC):
    """They are kept for `days` days, None for ever, and made once a call is over."""

    most = 0
    suffixes: tuple[str, ...]
    """How the names of its files end."""

    def __init__(self, terms: Terms, storage: Storage, days: int | None = None) -> None:
        super().__init__(terms)
        self._storage = storage
        self._days = days

    def opened(self) -> AbstractAsyncContextManager[None]:
        """See `gateway.sinks.sink.Sink`."""
        return tidied(self._storage, self._days, self.suffixes, self._failed)

    async def check(self) -> str | None:
        """See `gateway.sinks.sink.Sink`."""
        try:
            await self._storage.check()
        except Unavailable as error:
            return str(error)
        return None

    async def erase(self, erased: Erased) -> Did:
        """See `gateway.sinks.sink.Sink`."""
        try:
            await self._remove(erased.session)
        except Unavailable as error:
            return self._unerased(error)
        return Did(Removal.REMOVED)

    @abstractmethod
    async def _remove(self, session: str) -> None:
        """Remove the files of a call. Raises Unavailable."""
