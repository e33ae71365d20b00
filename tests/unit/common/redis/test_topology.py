from common.redis.address import Address
from common.redis.refusals import Refusals
from common.redis.topology import SLOTS, Topology

OLD, NEW = ("127.0.0.1", 1), ("127.0.0.1", 2)


async def test_a_node_that_received_slots_and_serves_none_any_more_leaves():
    topology = Topology(Address.parse("redis+cluster://127.0.0.1:1"), "test", None, Refusals())
    topology._adopt([OLD] * SLOTS)
    topology.receiving(NEW)
    topology._adopt([OLD] * SLOTS)
    assert set(topology._nodes) == {OLD, NEW}, "it has keys already, and no slot yet"
    topology._adopt([NEW, *[OLD] * (SLOTS - 1)])
    assert set(topology._nodes) == {OLD, NEW}
    topology._adopt([OLD] * SLOTS)
    assert set(topology._nodes) == {OLD}
    await topology.close()
