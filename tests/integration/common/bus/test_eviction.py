"""A Redis that deletes keys when its memory is full is noticed by everybody who connects."""

from pathlib import Path

import pytest

from callscribe.cli import main
from common.bus import eviction
from common.redis.link import Link
from tests.integration.callscribe.processes import until
from tests.integration.common.server import Server
from tests.integration.pipeline.services import service

SAID = "maxmemory-policy is allkeys-lru"


async def test_the_policy_of_every_server_is_looked_at(server: Server, own_link: Link):
    assert await eviction.look(own_link) is None
    server.client.config_set("maxmemory-policy", "allkeys-lru")
    found = await eviction.look(own_link)
    assert found is not None
    assert found.startswith(SAID)


def test_check_config_warns_of_it(server: Server, capsys: pytest.CaptureFixture[str]):
    check = ["check-config", "vad", "--redis-url", server.url, "--connect"]
    assert main(check) == 0
    assert "warning" not in capsys.readouterr().err
    server.client.config_set("maxmemory-policy", "allkeys-lru")
    assert main(check) == 0
    assert f"callscribe check-config: warning: {SAID}" in capsys.readouterr().err


def test_check_config_shows_what_redis_says_as_it_hangs_up(
    server: Server, capsys: pytest.CaptureFixture[str]
):
    server.client.config_set("maxclients", 1)
    assert main(["check-config", "vad", "--redis-url", server.url, "--connect"]) == 1
    assert "ERR max number of clients reached" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["gateway", "vad"])
def test_every_service_warns_of_it_at_its_start(name: str, server: Server, tmp_path: Path):
    server.client.config_set("maxmemory-policy", "allkeys-lru")
    log = tmp_path / "of-it.log"
    with log.open("wb") as written, service(name, server.url, stderr=written) as running:
        until(lambda: running.page("/health")[0] == 200)
        until(lambda: "redis.evicts" in log.read_text())
        assert SAID in log.read_text()
    assert log.read_text().count("redis.evicts") == 1


async def test_a_gateway_notices_that_it_changes(server: Server, tmp_path: Path):
    log = tmp_path / "of-it.log"
    with log.open("wb") as written, service("gateway", server.url, stderr=written) as running:
        until(lambda: running.page("/health")[0] == 200)
        assert "redis.evicts" not in log.read_text()
        server.client.config_set("maxmemory-policy", "allkeys-lru")
        until(lambda: "redis.evicts" in log.read_text())
