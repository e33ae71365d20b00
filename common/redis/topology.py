"""The nodes of a Redis Cluster, and which of them serves which slot."""

import asyncio
import random
from contextlib import suppress
from typing import TypeAlias

from common.errors import BusUnavailable
from common.redis.address import Address, Endpoint
from common.redis.connection import Connection, backoff
from common.redis.pipe import ask
from common.redis.refusals import Refusals
from common.redis.resp import Reply
from common.telemetry.logs import Log
from common.telemetry.metrics import BusMetrics

SLOTS = 16384
_MAP_WITHIN = 1.0
"""Seconds that a node has to send the map before another is asked."""

Map: TypeAlias = list[Endpoint | None]

_log = Log(__name__)


class Topology:
    """A self-restoring connection to every master, and a map that is reloaded when in doubt."""

    def __init__(
        self, address: Address, name: str, metrics: BusMetrics | None, refusals: Refusals
    ) -> None:
        self._address = address
        self._name = name
        self._metrics = metrics
        self._refusals = refusals
        self._nodes: dict[Endpoint, Connection] = {}
        self._map: Map = [None] * SLOTS
        self._whole = False
        """Whether every slot has a node; asked far more often than the map changes."""
        self._masters: set[Endpoint] = set()
        self._receiving: set[Endpoint] = set()
        """Nodes that already have keys of slots in migration; they may serve no slot yet."""
        self._known = set(address.nodes)
        self._informed: Endpoint | None = None
        """The node a slot has moved to: other nodes may not know this yet."""
        self._past = 0
        """The part of `generation` beside the nodes' own: moves, and nodes that left."""
        self._doubted = asyncio.Event()
        self._change = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def generation(self) -> int:
        """How often a server was replaced or slots moved; it never falls."""
        return self._past + sum(node.generation for node in self._nodes.values())

    async def connect(self) -> None:
        """Load the map and connect to all masters, or raise BusUnavailable; then maintain both."""
        joined = await self._learn()
        ends = await asyncio.gather(*(node.connect() for node in joined), return_exceptions=True)
        troubles = [error for error in ends if error is not None]
        if not self._whole:
            reason = f"no Redis at {self._address}: no node serves one of the slots"
            troubles.append(BusUnavailable(reason))
        if troubles:
            await self.close()  # others may have connected
            raise troubles[0]
        self._keeper = asyncio.create_task(self._keep(), name=f"topology:{self._name}")

    async def close(self) -> None:
        """Close, and do not reconnect; batches in flight fail with BusUnavailable."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        await asyncio.gather(*(node.close() for node in self._nodes.values()), *self._leaving)

    def abort(self) -> None:
        """Drop every connection immediately; they reconnect as after any other failure."""
        for node in self._nodes.values():
            node.abort()

    @property
    def connected(self) -> bool:
        """Whether a reachable node serves every slot."""
        return self._whole and all(self._nodes[each].connected for each in self._masters)

    async def change(self, timeout: float) -> None:
        """Wait until a connection or the map has changed, at most `timeout` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._change.wait()

    def masters(self) -> list[Connection]:
        """Return the nodes that serve slots."""
        return [self._nodes[each] for each in self._masters]

    def serving(self, slot: int) -> Connection:
        """Return the node of a slot; BusUnavailable when there is none."""
        if (endpoint := self._map[slot]) is None:
            raise BusUnavailable("no node of the cluster serves this slot")
        return self._nodes[endpoint]

    def moved(self, slot: int, endpoint: Endpoint) -> None:
        """Note that another node serves a slot than the map says."""
        self._informed = endpoint
        self.doubt()
        if self._map[slot] != endpoint:
            new = self._map.copy()
            new[slot] = endpoint
            self._start(self._adopt(new))

    def receiving(self, endpoint: Endpoint) -> Connection:
        """Return a node that already has keys of a slot in migration."""
        self._receiving.add(endpoint)
        if endpoint not in self._nodes:
            self._start([self._join(endpoint)])
        return self._nodes[endpoint]

    def doubt(self) -> None:
        """Have the map reloaded soon."""
        self._doubted.set()

    async def _keep(self) -> None:
        while True:
            await self._doubted.wait()
            for pause in backoff():
                self._doubted.clear()
                with suppress(BusUnavailable):
                    self._start(await self._learn())
                await asyncio.sleep(pause)
                if self.connected:
                    break

    async def _learn(self) -> list[Connection]:
        """Adopt the map of the first node that answers; return the new nodes."""
        troubles = []
        others = random.sample([*self._known], len(self._known))
        first, self._informed = self._informed, None
        for endpoint in [first, *others] if first else others:
            try:
                at = self._address.at(endpoint)
                (reply,) = await ask(at, [("CLUSTER", "SLOTS")], _MAP_WITHIN)
            except BusUnavailable as trouble:
                troubles.append(str(trouble))
                continue
            new, known = read_map(reply, endpoint[0])
            self._known = {*self._address.nodes, *known}
            return self._adopt(new)
        raise BusUnavailable("; ".join(troubles))

    def _adopt(self, new: Map) -> list[Connection]:
        if self._masters and new != self._map:
            self._past += 1
            _log.warning("redis.other", link=self._name, generation=self.generation)
        self._map = new
        self._whole = None not in new
        self._masters = set(new) - {None}  # type: ignore[assignment]  # None is taken out
        # One that serves slots stays for that alone: it leaves when it serves none any more.
        self._receiving -= self._masters
        joined = [self._join(each) for each in self._masters - self._nodes.keys()]
        for endpoint in self._nodes.keys() - self._masters - self._receiving:
            self._leave(endpoint)
        self._notice()
        return joined

    def _join(self, endpoint: Endpoint) -> Connection:
        at = self._address.at(endpoint)
        node = Connection(at, self._name, self._metrics, self._refusals, self._notice)
        self._nodes[endpoint] = node
        return node

    def _leave(self, endpoint: Endpoint) -> None:
        node = self._nodes.pop(endpoint)
        self._past += node.generation
        leaving = asyncio.create_task(node.close())
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    @staticmethod
    def _start(nodes: list[Connection]) -> None:
        for node in nodes:
            node.start()

    def _notice(self) -> None:
        self._change.set()
        self._change = asyncio.Event()
        if not self.connected:
            self.doubt()


def read_map(reply: Reply, asked: str) -> tuple[Map, set[Endpoint]]:
    """Read CLUSTER SLOTS from the node at host `asked`; return the map and all nodes."""
    slots: Map = [None] * SLOTS
    known: set[Endpoint] = set()
    for first, last, *nodes in reply:
        # A node that does not know its own address leaves it empty; a hidden address is "?".
        endpoints = [((node[0] or b"").decode() or asked, node[1]) for node in nodes]
        if endpoints[0][0] != "?":
            slots[first : last + 1] = [endpoints[0]] * (last - first + 1)
        known.update(each for each in endpoints if each[0] != "?")
    return slots, known
