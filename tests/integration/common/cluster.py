"""A Redis Cluster of a test's own: three masters, one of them with a replica."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Self

from callscribe.local.child import free_ports
from common.redis.cluster import slot_of
from common.redis.topology import SLOTS
from tests.integration.common.server import Server

_NODE_TIMEOUT_MS = 2000
"""Of silence, until a node counts as dead: a busy machine must not kill one."""
_MASTERS = 3
_BORDERS = [SLOTS * n // _MASTERS for n in range(_MASTERS + 1)]


class Node(Server):
    """One node; `id` is its name in the cluster."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        (bus,) = free_ports(1)
        super().__init__(
            directory,
            *("--cluster-enabled", "yes", "--cluster-port", str(bus)),
            *("--cluster-node-timeout", str(_NODE_TIMEOUT_MS)),
            *("--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0"),
        )
        self.bus = bus
        self.id = ""

    def cluster(self, *command: str | int) -> str:
        """Run a CLUSTER subcommand that answers with text."""
        answer = self.client.execute_command("CLUSTER", *command)
        return answer.decode() if isinstance(answer, bytes) else str(answer)


class RunningCluster:
    """Three masters with a third of the slots each; the first has a replica, the last node."""

    def __init__(self, directory: Path) -> None:
        self.nodes = [Node(directory / str(number)) for number in range(_MASTERS + 1)]
        self.masters = self.nodes[:_MASTERS]
        self.replica = self.nodes[_MASTERS]

    @property
    def url(self) -> str:
        """Where clients find it; the first host does not answer."""
        return "redis+cluster://127.0.0.1:1," + ",".join(
            f"127.0.0.1:{node.port}" for node in self.masters
        )

    def serving(self, key: bytes) -> Node:
        """Return the master that had a key's slot when the cluster was made."""
        return self.masters[slot_of(key) * _MASTERS // SLOTS]

    def move(self, slot: int, source: Node, target: Node) -> None:
        """Begin to move a slot: new keys are made at the target from now on."""
        target.cluster("SETSLOT", slot, "IMPORTING", source.id)
        source.cluster("SETSLOT", slot, "MIGRATING", target.id)

    def move_key(self, key: bytes, source: Node, target: Node) -> None:
        """Move one key of such a slot."""
        source.client.execute_command("MIGRATE", "127.0.0.1", target.port, key, 0, 5000)

    def moved(self, slot: int, source: Node, target: Node) -> None:
        """End the move of a slot; all its keys have gone."""
        for node in (target, source):
            node.cluster("SETSLOT", slot, "NODE", target.id)

    def keys(self) -> list[bytes]:
        """Return every key that has no TTL."""
        return [
            key
            for node in self.nodes
            if node.running and node.client.role()[0] == b"master"
            for key in node.client.scan_iter()
            if node.client.ttl(key) == -1
        ]

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for node in self.nodes:
                stack.enter_context(node)
                node.id = node.cluster("MYID")
            for number, (node, (first, end)) in enumerate(
                zip(self.masters, pairwise(_BORDERS), strict=True)
            ):
                node.cluster("SET-CONFIG-EPOCH", number + 1)
                node.cluster("ADDSLOTSRANGE", first, end - 1)
            for node in self.nodes[1:]:
                node.cluster("MEET", "127.0.0.1", self.nodes[0].port, self.nodes[0].bus)
            _wait(lambda: all(self._knows_all(node) for node in self.nodes))
            self.replica.cluster("REPLICATE", self.masters[0].id)
            _wait(lambda: all(self._is_well(node) for node in self.nodes))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _knows_all(self, node: Node) -> bool:
        lines = node.cluster("NODES").splitlines()
        return len(lines) == len(self.nodes) and "handshake" not in node.cluster("NODES")

    def _is_well(self, node: Node) -> bool:
        shards = node.client.execute_command("CLUSTER", "SLOTS")
        with_replica = sum(len(shard) - 3 for shard in shards) == 1
        in_sync = node is not self.replica or (
            node.client.info("replication")["master_link_status"] == "up"
        )
        return "cluster_state:ok" in node.cluster("INFO") and with_replica and in_sync


def _wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "the cluster does not come together"
        time.sleep(0.02)
