"""A whole call over a Redis Cluster, each service as its own user."""

from pathlib import Path

from common.bus import keys
from common.redis.cluster import slot_of
from tests.integration.common.cluster import RunningCluster
from tests.integration.pipeline.calls import FINALIZE, config, converse, messages, sentence
from tests.integration.pipeline.services import service
from tests.real_redis import add_users

FOX = "The quick brown fox jumps over the lazy dog."


async def test_calls_are_transcribed_over_a_cluster(tmp_path: Path):
    with RunningCluster(tmp_path / "cluster") as cluster:
        for node in cluster.nodes:
            add_users(node.client, tmp_path)
        url = f"{cluster.url}?passwords={tmp_path}"
        with (
            service("gateway", url) as gateway,
            service("vad", url) as vad,
            service("asr", url) as asr,
        ):
            for each in (vad, asr, gateway):
                each.wait_ready()
            sessions = []
            for _ in range(3):
                told = await converse(gateway.url, config(), *messages(sentence()), FINALIZE)
                assert told.texts == [FOX]
                assert (told.errors, told.close_code) == ([], 1000)
                sessions.append(told.session)
            assert [each.end() for each in (gateway, vad, asr)] == [0, 0, 0]
        assert len({slot_of(keys.session_key(session, "meta")) for session in sessions}) > 1
        assert [key for key in cluster.keys() if not keys.is_permanent(key)] == []  # noqa: SIM118
        refused = [node.client.acl_log() for node in cluster.nodes]
    assert refused == [[]] * len(refused), "commands a user has no right to"
