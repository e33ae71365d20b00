"""The services of docker-compose.yml, as many as `docker compose up` starts."""

import json
import re
import subprocess
from http.client import HTTPConnection
from importlib.resources import as_file, files

import pytest
import redis

from tests.integration.deploy.host import Container, running_host, transcribe
from tests.unit.deploy import compose


def test_the_composed_services_transcribe_a_call_and_end_well(tmp_path):
    samples = files("pytest_audioeval") / "samples" / "audio" / "en"
    with running_host(tmp_path) as host:
        with as_file(samples / "quick_brown_fox.wav") as path:
            events = transcribe(host, path)
        text = " ".join(str(event["text"]) for event in events if event["type"] == "final")
        assert re.findall(r"\w+", text.lower()) == [
            *("the", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog")
        ]

        scraped = dict(compose.scrape_targets())
        services = [each for each in host.containers if each.service != "redis"]
        for each in services:
            assert scraped[each.service]
            assert f'callscribe_build_info{{service="{each.service}"' in metrics(each)

        wanted = {
            "appendonly": "yes",
            "appendfsync": "everysec",
            "stream-node-max-bytes": "16384",
            "maxmemory": str(2 << 30),
            "maxmemory-policy": "noeviction",
            "save": "",
        }
        with host.redis() as client:
            assert client.config_get(*wanted) == wanted

        # Compose stops a service before those that it depends on.
        ends = sorted(host.containers, key=lambda each: ORDER.get(each.service, 1))
        assert {each.name: each.stop() for each in ends} == {each.name: 0 for each in ends}
        assert not list(host.home.iterdir())  # where it is read-only in a container
        for each in services:
            for line in each.log().splitlines():
                assert json.loads(line)["level"] != "error"


ORDER = {"gateway": 0, "redis": 2}


def test_nobody_reaches_redis_without_the_password(tmp_path):
    with running_host(tmp_path, scale=dict.fromkeys(compose.services({}), 0)) as host:
        (server,) = host.of("redis")
        stranger = redis.Redis(server.address, host.ports[6379])
        with stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
        shown = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
        assert str(host.ports[6379]) in shown.stdout
        assert compose.PASSWORD not in shown.stdout


def metrics(container: Container) -> str:
    connection = HTTPConnection(container.address, container.metrics_port, timeout=5)
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    assert answer.status == 200
    page = answer.read().decode()
    connection.close()
    return page
