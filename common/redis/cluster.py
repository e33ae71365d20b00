"""A Redis Cluster as one server: commands go to the node that serves their key's slot.

Source of the rules: the Redis Cluster specification (slots, hash tags, redirections).
"""

import asyncio
from binascii import crc_hqx
from collections.abc import Sequence
from typing import TypeAlias

from common.errors import BusUnavailable, OtherServer
from common.redis.address import Address, Endpoint
from common.redis.connection import REPLY_TIMEOUT, Connection, backoff
from common.redis.resp import (
    Command,
    CommandError,
    Part,
    Reply,
    asking,
    encode,
    is_passing,
    key_of,
    redirection,
)
from common.redis.topology import SLOTS, Topology
from common.telemetry.metrics import BusMetrics


def slot_of(key: bytes) -> int:
    """Return a key's slot: CRC-16/XMODEM of its first ``{tag}``, or if it has none, of the key."""
    start = key.find(b"{") + 1
    end = key.find(b"}", start) if start else -1
    return crc_hqx(key[start:end] if end > start else key, 0) % SLOTS


class _Errand:
    """A part on its way: where it was sent last and what came back."""

    __slots__ = ("answer", "ask", "count", "data", "host", "replies")

    def __init__(self, data: bytes, count: int) -> None:
        self.data = data
        self.count = count
        self.replies: list[Reply] = []
        self.ask: Endpoint | None = None
        """The node that the part's key has gone to, ahead of its slot."""
        self.host = ""
        """Where it was sent last."""
        self.answer: list[Reply] | BusUnavailable | None = None
        """What the last attempt brought; None: it did not take part."""

    def take(self) -> "_Taken":
        """Return what to send, which of its replies count (None: all), and how many come."""
        if self.ask is None:
            return self.data, None, self.count
        data, places = asking(self.data, self.count)
        return data, places, places[-1] + 1

    @property
    def redirection(self) -> tuple[str, Endpoint] | None:
        """MOVED or ASK, and where to, if the answer sends this part elsewhere."""
        if isinstance(self.answer, list):
            for kind, host, port in filter(None, map(redirection, self.answer)):
                return kind, (host or self.host, port)
        return None

    @property
    def untouched(self) -> bool:
        """Whether the last attempt has surely changed nothing."""
        answer = self.answer
        return answer is None or (isinstance(answer, list) and all(map(redirection, answer)))


_Taken: TypeAlias = tuple[bytes, list[int] | None, int]
_Queues: TypeAlias = dict[int, list[_Errand]]
"""By slot, what is still to be carried out there, in order."""


class Cluster:
    """Routes parts by slot and keeps order within one: what follows a repeated part is repeated."""

    in_order = False

    def __init__(self, address: Address, name: str, metrics: BusMetrics | None) -> None:
        self._metrics = metrics
        self._topology = Topology(address, name, metrics)
        self.connect = self._topology.connect
        self.close = self._topology.close
        self.abort = self._topology.abort

    @property
    def generation(self) -> int:
        """See `Topology.generation`."""
        return self._topology.generation

    @property
    def connected(self) -> bool:
        """Whether every slot is served by a node that can be reached."""
        return self._topology.connected

    async def wait_connected(self) -> None:
        """Wait until every slot is served by a node that can be reached."""
        while not self._topology.connected:
            await self._topology.change(1.0)

    @staticmethod
    def parts(commands: Sequence[Command]) -> list[Part]:
        """Encode commands, each as a part: every one may go another way."""
        return [(key_of(command), encode([command]), 1) for command in commands]

    async def run(self, parts: Sequence[Part], timeout: float) -> list[Reply]:
        """Run parts; return their replies, errors in their places. Redirections are followed.

        Raises BusUnavailable when a node cannot be reached or breaks before its last reply.
        """
        return (await self._carry_out(parts, timeout, insist=False))[0]

    async def insist(
        self, parts: Sequence[Part], generation: int | None
    ) -> tuple[list[Reply], bool]:
        """Run parts until all are carried out or refused; tell whether any was repeated.

        With `generation`, raises OtherServer as soon as this is another.
        """
        return await self._carry_out(parts, REPLY_TIMEOUT, insist=True, generation=generation)

    async def _carry_out(
        self,
        parts: Sequence[Part],
        timeout: float,
        *,
        insist: bool,
        generation: int | None = None,
    ) -> tuple[list[Reply], bool]:
        errands = [_Errand(data, count) for _, data, count in parts]
        queues: _Queues = {}
        for (key, _, count), errand in zip(parts, errands, strict=True):
            if count:
                queues.setdefault(slot_of(key), []).append(errand)
        repeated = False
        pauses = backoff()
        attempts = 0
        while queues:
            if generation not in (None, self.generation):
                raise OtherServer("a node of the Redis Cluster is another than before")
            attempts += 1
            await self._attempt(queues, timeout)
            wait = False
            for slot, queue in list(queues.items()):
                done = 0
                while done < len(queue) and self._done(queue[done], insist):
                    done += 1
                del queue[:done]
                if queue:
                    wait = self._heed(slot, queue[0], insist) or wait
                    repeated = repeated or not all(errand.untouched for errand in queue)
                else:
                    del queues[slot]
            # Two redirections are normal, as a slot moves; more are nodes that disagree.
            if queues and (wait or attempts > 2):
                await self._topology.change(next(pauses))
        return [reply for errand in errands for reply in errand.replies], repeated

    @staticmethod
    def _done(errand: _Errand, insist: bool) -> bool:
        answer = errand.answer
        if not isinstance(answer, list):
            return False
        if any(isinstance(reply, CommandError) for reply in answer) and (
            errand.redirection or (insist and any(map(is_passing, answer)))
        ):
            return False
        errand.replies = answer
        return True

    def _heed(self, slot: int, errand: _Errand, insist: bool) -> bool:
        """Learn from a part that was not carried out; return whether to pause now."""
        answer = errand.answer
        errand.ask = None
        if answer is None:
            return False
        if isinstance(answer, BusUnavailable):
            if not insist:
                raise answer
            self._topology.doubt()
            return True
        if errand.redirection is None:
            self._count("refused")
            self._topology.doubt()
            return True
        kind, target = errand.redirection
        if kind == "MOVED":
            self._topology.moved(slot, target)
            return not self._topology.serving(slot).connected
        errand.ask = target
        return not self._topology.receiving(target).connected

    async def _attempt(self, queues: _Queues, timeout: float) -> None:
        """Send what is queued, one batch per node, and note every answer."""
        batches: dict[Connection, list[_Errand]] = {}
        for slot, queue in queues.items():
            for errand in queue:
                errand.answer = None
            try:
                if (ahead := queue[0].ask) is not None:
                    # It alone: the keys of those behind it may not have gone there yet.
                    batches.setdefault(self._topology.receiving(ahead), []).append(queue[0])
                else:
                    batches.setdefault(self._topology.serving(slot), []).extend(queue)
            except BusUnavailable as trouble:
                queue[0].answer = trouble
        await _exchange(batches, timeout)

    def _count(self, kind: str) -> None:
        if self._metrics is not None:
            self._metrics.errors.labels(kind).inc()


async def _exchange(batches: dict[Connection, list[_Errand]], timeout: float) -> None:
    """Send each node its batch and deal out the answers."""
    flights: list[tuple[asyncio.Future[list[Reply]], list[_Errand], list[_Taken]]] = []
    # All are sent before any is waited for: on no connection does one overtake another.
    for node, errands in batches.items():
        taken = [errand.take() for errand in errands]
        total = sum(count for _, _, count in taken)
        for errand in errands:
            errand.host = node.address.host
        try:
            flight = node.send(b"".join([data for data, _, _ in taken]), total, timeout)
        except BusUnavailable as trouble:
            for errand in errands:
                errand.answer = trouble
        else:
            flights.append((flight, errands, taken))
    await asyncio.gather(*(flight for flight, _, _ in flights), return_exceptions=True)
    for flight, errands, taken in flights:
        try:
            replies = flight.result()
        except BusUnavailable as trouble:
            for errand in errands:
                errand.answer = trouble
            continue
        start = 0
        for errand, (_, places, count) in zip(errands, taken, strict=True):
            own = replies[start : start + count]
            errand.answer = own if places is None else [own[place] for place in places]
            start += count
