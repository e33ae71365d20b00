"""The calls of one gateway: begun or taken over, found by their ids, and disposed of."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from gateway.calls.attendance import Audience
from gateway.calls.call import Call
from gateway.calls.services import Services
from gateway.calls.store import Acquired
from gateway.protocols.commands import Coding
from gateway.record import SessionRecord
from gateway.uplink.leg import StoredLeg
from gateway.uplink.throttle import Throttle


class Holder(Protocol):
    """What a call's id refers to in this process: the call, or what is about to take it over."""

    @property
    def owner(self) -> str:
        """Tells it from all others that have the call, or had it."""

    def supersede(self) -> None:
        """Release the call: its client has resumed it over another connection."""


class Calls:
    """All calls of this process; `changed` is called whenever one has ended."""

    def __init__(self, services: Services, changed: Callable[[], None]) -> None:
        self._services = services
        self._changed = changed
        self._calls: set[Call] = set()
        self._holders: dict[str, Holder] = {}
        self._disposals: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Call]:
        """Go through the calls; they may end meanwhile."""
        return iter(list(self._calls))

    def __contains__(self, session: str) -> bool:
        """Whether a call is this process's, or about to be."""
        return session in self._holders

    def begin(
        self,
        record: SessionRecord,
        throttle: Throttle,
        *,
        name: str,
        owner: str,
        caller: str = "",
        protocol: str = "",
        audience: Audience | None = None,
        stored: Sequence[StoredLeg] = (),
        seq: int = 0,
        coding: Coding | None = None,
    ) -> Call:
        """Return a call that is to be opened, or to go on; see `Call`."""
        call = Call(
            self._services,
            record,
            throttle,
            self._ended,
            name=name,
            owner=owner,
            caller=caller,
            protocol=protocol,
            audience=audience,
            stored=stored,
            seq=seq,
            coding=coding,
        )
        self._calls.add(call)
        return call

    def stored(self, call: Call) -> None:
        """Continue a call that Redis holds now."""
        self._holders[call.id] = call
        call.stored()

    async def take_over(self, holder: Holder, acquired: Acquired) -> list[StoredLeg]:
        """Replace the call's holder in this process, or ring the gateway that had the call.

        Returns what Redis has of its audio, per channel.
        """
        # Before anything is awaited: of two that resume together, the later finds the other.
        former = self._holders.get(acquired.session)
        self._holders[acquired.session] = holder
        store = self._services.store
        if former is not None:
            former.supersede()
        try:
            if former is None and acquired.gateway:
                await store.announce(acquired.session, acquired.gateway)
            return await store.stored(acquired)
        except BaseException:
            self.let_go(holder, acquired.session)
            raise

    def let_go(self, holder: Holder, session: str) -> None:
        """Take note that `holder` does not go on with the call."""
        if self._holders.get(session) is holder:
            del self._holders[session]

    async def settle(self, seconds: float) -> None:
        """Wait until the keys of ended calls are removed, at most `seconds`."""
        if self._disposals:
            await asyncio.wait(self._disposals, timeout=seconds)

    def _ended(self, call: Call) -> None:
        self._calls.discard(call)
        self.let_go(call, call.id)
        disposal = asyncio.create_task(call.dispose(), name=f"dispose:{call.id}")
        self._disposals.add(disposal)
        disposal.add_done_callback(self._disposals.discard)
        self._changed()
