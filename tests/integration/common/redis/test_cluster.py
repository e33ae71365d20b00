"""A link to a real cluster whose slots move and whose nodes die."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from common.bus import keys
from common.bus.keys import Leg
from common.bus.reading import read_streams
from common.errors import BusUnavailable, Misuse
from common.redis.address import Address
from common.redis.cluster import slot_of
from common.redis.link import CommandError, CommandRefused, Link, encode
from common.redis.script import Script
from tests.integration.common.cluster import Node, RunningCluster
from tests.integration.conftest import wait_until

COUNT_UP = Script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
TTL = 600


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    with RunningCluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def cluster(running: RunningCluster) -> Iterator[RunningCluster]:
    """The module's cluster, without keys; afterwards every key has a TTL or is permanent."""
    for node in running.masters:
        if node.running and node.client.role()[0] == b"master":
            node.client.flushall()
    yield running
    assert [key for key in running.keys() if not keys.is_permanent(key)] == []  # noqa: SIM118


@pytest.fixture
async def link(cluster: RunningCluster) -> AsyncIterator[Link]:
    link = Link(Address.parse(cluster.url), "own")
    await link.connect()
    yield link
    await link.close()


def one_per_node(cluster: RunningCluster) -> list[bytes]:
    """A key on each of the masters, in their order."""
    found: dict[int, bytes] = {}
    for number in range(1000):
        key = b"key%d" % number
        found.setdefault(cluster.serving(key).port, key)
    return [found[node.port] for node in cluster.masters]


async def test_what_goes_to_many_nodes_comes_back_in_order(cluster, link):
    names = [b"k%d" % number for number in range(300)]
    assert await link.insist([("SET", name, name, "EX", TTL) for name in names]) == [b"OK"] * 300
    assert await link.run([("GET", name) for name in names]) == names
    before, error, after = await link.run(
        [("GET", "k1"), ("INCR", "k2"), ("GET", "k3")],
    )
    assert (before, after) == (b"k1", b"k3")
    assert isinstance(error, CommandError)
    with pytest.raises(CommandRefused, match="INCR: ERR value is not an integer"):
        await link.call("INCR", "k2")
    assert await link.run([]) == []
    assert await link.call("PING") == b"PONG"
    assert all(node.client.dbsize() > 50 for node in cluster.masters), "it is spread"


async def test_every_master_is_asked(cluster, link):
    replies = await link.everywhere(("CONFIG", "GET", "port"))
    assert sorted(int(port) for _, port in replies) == sorted(n.port for n in cluster.masters)


async def test_parts_are_answered_in_their_order(cluster, link):
    names = one_per_node(cluster)
    parts = []
    for number, name in enumerate(names * 2):
        commands = [("MULTI",), ("INCRBY", name, number), ("EXPIRE", name, TTL), ("EXEC",)]
        parts.append((name, encode(commands), len(commands)))
    parts.insert(3, (b"nothing", b"", 0))
    replies, repeated = await link.insist_parts(parts)
    assert not repeated
    assert [each for each in replies if isinstance(each, list)] == [
        *([0, 1], [1, 1], [2, 1], [3, 1], [5, 1], [7, 1]),
    ]


async def test_scripts_run_where_their_keys_are_and_doorbells_after_them(cluster, link):
    names = one_per_node(cluster)
    calls = [(COUNT_UP, [name], [number]) for number, name in enumerate(names)]
    for round_ in (1, 2):
        then = [("EXPIRE", name, TTL) for name in names]
        assert await link.evaluate(calls, then) == [0, round_, 2 * round_]
        assert [node.client.script_flush() for node in cluster.masters]
    with pytest.raises(Misuse, match="script"):
        await link.evaluate([(Script("return redis.call('INCR')"), [names[0]], [])])


async def test_streams_of_many_partitions_are_read_at_once(cluster, link):
    legs = [Leg(f"session{number}", 0) for number in range(20)]
    await link.insist([("XADD", leg.key("audio"), "5-1", "a", str(leg)) for leg in legs])
    await link.insist([("EXPIRE", leg.key("audio"), TTL) for leg in legs])
    cursors: dict[int, dict[bytes, bytes]] = {}
    for leg in legs:
        cursors.setdefault(leg.partition, {})[leg.key("audio")] = b"0"
    news = await read_streams(link, cursors)
    assert sorted(key for key, _ in news) == sorted(leg.key("audio") for leg in legs)


async def test_one_blocking_read_hears_all_doorbells_of_a_stage(cluster, link):
    doorbells = [keys.doorbell("asr", number) for number in range(keys.DOORBELLS)]
    reading = asyncio.create_task(
        link.read_blocking(10_000, ("XREAD",), ("STREAMS", *doorbells, *["$"] * len(doorbells)))
    )
    node = cluster.serving(doorbells[0])
    await wait_until(lambda: node.client.info("clients")["blocked_clients"] == 1, "it blocks")
    node.client.xadd(doorbells[7], {"leg": "speech"}, id="7-1")
    assert await reading == [[doorbells[7], [[b"7-1", [b"leg", b"speech"]]]]]
    assert await link.read_blocking(1, ("XREAD",), ("STREAMS", doorbells[0], "$")) == []


async def test_a_slot_moves_under_a_writer_and_nothing_is_lost_or_out_of_order(cluster, link):
    """Two streams and a counter of one slot; one stream is made only after the move has begun."""
    streams = [b"{p07}:early", b"{p07}:late"]
    slot = slot_of(streams[0])
    source = cluster.serving(streams[0])
    target = next(node for node in cluster.masters if node is not source)
    written = dict.fromkeys(streams, 0)
    stop = False

    async def write(stream: bytes, after: asyncio.Event) -> None:
        await after.wait()
        while not stop:
            number = written[stream] + 1
            add = ("XADD", stream, f"{number}-1", "n", number)
            multi = [("MULTI",), add, ("EXPIRE", stream, TTL), ("EXEC",)]
            replies, _ = await link.insist_parts([(stream, encode(multi), 4)])
            assert replies[-1] == [f"{number}-1".encode(), 1]
            written[stream] = number
            await link.insist([("XADD", stream, f"{number}-2", "n", number)])

    begun, moving = asyncio.Event(), asyncio.Event()
    tasks = [
        asyncio.create_task(write(stream, event))
        for stream, event in zip(streams, (begun, moving), strict=True)
    ]
    begun.set()
    await wait_until(lambda: written[streams[0]] > 20, "the first stream is written")
    assert link.generation == 0
    await asyncio.to_thread(cluster.move, slot, source, target)
    moving.set()
    await wait_until(lambda: written[streams[1]] > 20, "a new key goes to the new node")
    for stream in streams:
        await asyncio.to_thread(cluster.move_key, stream, source, target)
    count = written[streams[0]]
    await wait_until(lambda: written[streams[0]] > count + 20, "it goes on where it moved to")
    await asyncio.to_thread(cluster.moved, slot, source, target)
    count = written[streams[1]]
    await wait_until(lambda: written[streams[1]] > count + 20, "it goes on after the move")
    stop = True
    await asyncio.gather(*tasks)
    moves = link.generation
    assert moves
    for stream in streams:
        entries = await link.call("XRANGE", stream, "-", "+")
        found = [entry for entry, _ in entries]
        expected = [f"{n}-{k}".encode() for n in range(1, written[stream] + 1) for k in (1, 2)]
        assert found == expected
    await asyncio.to_thread(_move_back, cluster, slot, streams, target, source)
    assert await link.call("EXISTS", streams[0]) == 1
    await wait_until(lambda: link.generation > moves, "the way back is another move")


def _move_back(
    cluster: RunningCluster, slot: int, streams: list[bytes], source: Node, target: Node
) -> None:
    cluster.move(slot, source, target)
    for stream in streams:
        cluster.move_key(stream, source, target)
    cluster.moved(slot, source, target)


async def test_a_blocked_read_follows_its_slot(cluster, link):
    key = b"{p09}:news"
    source = cluster.serving(key)
    target = next(node for node in cluster.masters if node is not source)
    reading = asyncio.create_task(link.read_blocking(10_000, ("XREAD",), ("STREAMS", key, "$")))
    await wait_until(lambda: source.client.info("clients")["blocked_clients"] == 1, "it blocks")
    await asyncio.to_thread(cluster.move, slot_of(key), source, target)
    await asyncio.to_thread(cluster.moved, slot_of(key), source, target)
    await wait_until(lambda: target.client.info("clients")["blocked_clients"] == 1, "it follows")
    target.client.xadd(key, {"a": "1"}, id="1-1")
    target.client.expire(key, TTL)
    assert await reading == [[key, [[b"1-1", [b"a", b"1"]]]]]
    await asyncio.to_thread(_move_back, cluster, slot_of(key), [key], target, source)


async def test_a_node_that_breaks_holds_up_only_its_own(cluster, link):
    names = one_per_node(cluster)
    frozen = cluster.serving(names[0])
    frozen.freeze()
    try:
        stuck = asyncio.create_task(link.insist([("SET", name, 1, "EX", TTL) for name in names]))
        assert await link.insist([("SET", names[1], 2, "EX", TTL)]) == [b"OK"]
        assert not stuck.done()
    finally:
        frozen.thaw()
    assert await stuck == [b"OK"] * 3


async def test_a_node_that_is_full_is_waited_for_and_said_to_refuse(cluster, link):
    names = one_per_node(cluster)
    full = cluster.serving(names[1])
    full.client.config_set("maxmemory", 1)
    try:
        stuck = asyncio.create_task(link.insist([("SET", name, 1, "EX", TTL) for name in names]))
        await wait_until(lambda: link.refusal, "it refuses")
        assert not stuck.done()
    finally:
        full.client.config_set("maxmemory", 0)
    assert await stuck == [b"OK"] * 3
    await wait_until(lambda: link.refusal is None, "the episode is over")


async def test_no_cluster_at_start_is_said(cluster, tmp_path):
    link = Link(Address.parse("redis+cluster://127.0.0.1:1,127.0.0.1:2"), "test")
    with pytest.raises(BusUnavailable, match=r"no Redis at 127\.0\.0\.1:[12]: .*; no Redis at"):
        await link.connect()
    assert not link.connected
    await link.close()


async def test_a_master_dies_and_its_replica_takes_over(cluster, link):
    """The last test: the cluster is not what it was."""
    names = one_per_node(cluster)
    master = cluster.masters[0]
    rounds = 0

    async def write() -> None:
        nonlocal rounds
        while cluster.replica.client.role()[0] != b"master" or not link.connected:
            await link.insist([("SET", name, rounds, "EX", TTL) for name in names])
            rounds += 1
            await asyncio.sleep(0)
        await link.insist([("SET", name, "done", "EX", TTL) for name in names])

    writing = asyncio.create_task(write())
    await wait_until(lambda: rounds > 10, "it writes")
    before = link.generation
    master.stop()
    await writing
    assert link.generation > before
    assert cluster.replica.client.get(names[0]) == b"done"
    assert await link.run([("GET", name) for name in names]) == [b"done"] * 3
