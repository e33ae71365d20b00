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
from common.redis.refusals import Refusals
from common.redis.resp import (
    Command,
    Part,
    Reply,
    asking,
    encode,
    key_of,
    redirection,
)
from common.redis.topology import SLOTS, Topology
from common.telemetry.metrics import BusMetrics


def slot_of(key: bytes) -> int:
    """Return a key's slot: CRC-16/XMODEM of its first ``{tag}``, or of the key without one."""
    start = key.find(b"{") + 1
    end = key.find(b"}", start) if start else -1
    return crc_hqx(key[start:end] if end > start else key, 0) % SLOTS


class _Request:
    """A part to run: where it was sent last and what came back."""

    __slots__ = ("answer", "ask", "at", "count", "data", "replies")

    def __init__(self, data: bytes, count: int) -> None:
        self.data = data
        self.count = count
        self.replies: list[Reply] = []
        self.ask: Endpoint | None = None
        """The node that already has the part's key, though not yet its slot."""
        self.at = Address()
        """Where it was sent last."""
        self.answer: list[Reply] | BusUnavailable | None = None
        """The result of the last attempt; None if the part was not sent in it."""

    def encoded(self) -> "_Encoded":
        """Return the bytes to send, which of its replies count (None: all), and their number."""
        if self.ask is None:
            return self.data, None, self.count
        data, places = asking(self.data, self.count)
        return data, places, places[-1] + 1

    @property
    def redirection(self) -> tuple[str, Endpoint] | None:
        """MOVED or ASK and the target, if the answer redirects this part."""
        if isinstance(self.answer, list):
            for kind, host, port in filter(None, map(redirection, self.answer)):
                return kind, (host or self.at.host, port)
        return None

    @property
    def untouched(self) -> bool:
        """Whether the last attempt certainly changed nothing."""
        answer = self.answer
        return answer is None or (isinstance(answer, list) and all(map(redirection, answer)))


_Encoded: TypeAlias = tuple[bytes, list[int] | None, int]
_Queues: TypeAlias = dict[int, list[_Request]]
"""By slot, the parts still to be run there, in order."""


class Cluster:
    """Routes parts by slot, in order within each slot: parts behind a repeated one are repeated."""

    in_order = False

    def __init__(
        self, address: Address, name: str, metrics: BusMetrics | None, refusals: Refusals
    ) -> None:
        self._refusals = refusals
        self._topology = Topology(address, name, metrics, refusals)
        self.connect = self._topology.connect
        self.close = self._topology.close
        self.abort = self._topology.abort

    @property
    def generation(self) -> int:
        """See `Topology.generation`."""
        return self._topology.generation

    @property
    def connected(self) -> bool:
        """Whether a reachable node serves every slot."""
        return self._topology.connected

    async def wait_connected(self) -> None:
        """Wait until a reachable node serves every slot."""
        while not self._topology.connected:
            await self._topology.change(1.0)

    @staticmethod
    def parts(commands: Sequence[Command]) -> list[Part]:
        """Encode commands, each as a part of its own: each may go to another node."""
        return [(key_of(command), encode([command]), 1) for command in commands]

    async def run(self, parts: Sequence[Part], timeout: float) -> list[Reply]:
        """Run parts; return their replies, errors in their places. Redirections are followed.

        Raises BusUnavailable when a node cannot be reached or breaks before its last reply.
        """
        return (await self._carry_out(parts, timeout, insist=False))[0]

    async def everywhere(self, command: Command) -> list[Reply]:
        """Run a command on every master; see `Link.everywhere`."""
        asked = [node.everywhere(command) for node in self._topology.masters() if node.connected]
        replies = await asyncio.gather(*asked, return_exceptions=True)
        return [reply for each in replies if isinstance(each, list) for reply in each]

    async def insist(
        self, parts: Sequence[Part], generation: int | None
    ) -> tuple[list[Reply], bool]:
        """Run parts until all are executed or refused; tell whether any was repeated.

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
        requests = [_Request(data, count) for _, data, count in parts]
        queues: _Queues = {}
        for (key, _, count), request in zip(parts, requests, strict=True):
            if count:
                queues.setdefault(slot_of(key), []).append(request)
        repeated = False
        pauses = backoff()
        attempts = 0
        while queues:
            if generation not in (None, self.generation):
                raise OtherServer("a node of the Redis Cluster has been replaced")
            attempts += 1
            await self._attempt(queues, timeout)
            wait = False
            for slot, queue in list(queues.items()):
                done = 0
                while done < len(queue) and self._done(queue[done], insist):
                    done += 1
                del queue[:done]
                if queue:
                    wait = self._handle_failure(slot, queue[0], insist) or wait
                    repeated = repeated or not all(request.untouched for request in queue)
                else:
                    del queues[slot]
            # Two redirections are normal while a slot moves; more mean that nodes disagree.
            if queues and (wait or attempts > 2):
                await self._topology.change(next(pauses))
        return [reply for request in requests for reply in request.replies], repeated

    def _done(self, request: _Request, insist: bool) -> bool:
        answer = request.answer
        if not isinstance(answer, list):
            return False
        refused = self._refusals.note(request.at, answer)
        if request.redirection or (insist and refused):
            return False
        request.replies = answer
        return True

    def _handle_failure(self, slot: int, request: _Request, insist: bool) -> bool:
        """Learn from a part that was not executed; return whether to pause now."""
        answer = request.answer
        request.ask = None
        if answer is None:
            return False
        if isinstance(answer, BusUnavailable):
            if not insist:
                raise answer
            self._topology.doubt()
            return True
        if request.redirection is None:
            self._topology.doubt()
            return True
        kind, target = request.redirection
        if kind == "MOVED":
            self._topology.moved(slot, target)
            return not self._topology.serving(slot).connected
        request.ask = target
        return not self._topology.receiving(target).connected

    async def _attempt(self, queues: _Queues, timeout: float) -> None:
        """Send the queued parts, one batch per node, and note every answer."""
        batches: dict[Connection, list[_Request]] = {}
        for slot, queue in queues.items():
            for request in queue:
                request.answer = None
            try:
                if (ahead := queue[0].ask) is not None:
                    # Only the first: the keys of the others may not be there yet.
                    batches.setdefault(self._topology.receiving(ahead), []).append(queue[0])
                else:
                    batches.setdefault(self._topology.serving(slot), []).extend(queue)
            except BusUnavailable as trouble:
                # Its traceback has this frame, and so all that is in the queue.
                queue[0].answer = trouble.with_traceback(None)
        await _exchange(batches, timeout)


async def _exchange(batches: dict[Connection, list[_Request]], timeout: float) -> None:
    """Send each node its batch and distribute the answers."""
    flights: list[tuple[asyncio.Future[list[Reply]], list[_Request], list[_Encoded]]] = []
    # All batches are sent before waiting for any, so no part overtakes another on a connection.
    for node, requests in batches.items():
        encoded = [request.encoded() for request in requests]
        total = sum(count for _, _, count in encoded)
        for request in requests:
            request.at = node.address
        try:
            flight = node.send(b"".join([data for data, _, _ in encoded]), total, timeout)
        except BusUnavailable as trouble:
            for request in requests:
                request.answer = trouble.with_traceback(None)
        else:
            flights.append((flight, requests, encoded))
    await asyncio.gather(*(flight for flight, _, _ in flights), return_exceptions=True)
    for flight, requests, encoded in flights:
        try:
            replies = flight.result()
        except BusUnavailable as trouble:
            for request in requests:
                request.answer = trouble.with_traceback(None)
            continue
        start = 0
        for request, (_, places, count) in zip(requests, encoded, strict=True):
            own = replies[start : start + count]
            request.answer = own if places is None else [own[place] for place in places]
            start += count
