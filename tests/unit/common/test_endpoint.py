import http.client
import socket

import pytest

from common.telemetry.endpoint import Endpoint, Freshness
from common.telemetry.metrics import new_registry


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


@pytest.fixture
def serve():
    def build(live=lambda: None, ready=lambda: None, port=0):
        registry = new_registry(version="1", service="vad")
        return Endpoint("127.0.0.1", port, registry=registry, live=live, ready=ready)

    return build


def test_metrics_are_those_of_the_given_registry(serve):
    with serve() as endpoint:
        status, body = get(endpoint.port, "/metrics")
    assert status == 200
    assert "callscribe_build_info" in body
    assert "python_info" not in body


def test_all_well(serve):
    with serve() as endpoint:
        assert get(endpoint.port, "/health") == (200, "ok\n")
        assert get(endpoint.port, "/ready") == (200, "ok\n")


def test_live_but_not_ready(serve):
    with serve(ready=lambda: "loading the model") as endpoint:
        assert get(endpoint.port, "/health") == (200, "ok\n")
        assert get(endpoint.port, "/ready") == (503, "loading the model\n")


def test_who_is_stuck_is_not_ready_either(serve):
    with serve(live=lambda: "stuck") as endpoint:
        assert get(endpoint.port, "/health") == (503, "stuck\n")
        assert get(endpoint.port, "/ready") == (503, "stuck\n")


def test_an_unknown_path_is_not_found(serve):
    with serve() as endpoint:
        assert get(endpoint.port, "/")[0] == 404


def test_a_probe_that_hangs_delays_nobody(serve):
    with serve() as endpoint, socket.create_connection(("127.0.0.1", endpoint.port)):
        assert get(endpoint.port, "/health")[0] == 200


def test_a_taken_port_is_an_error(serve):
    with serve() as endpoint, pytest.raises(OSError, match="in use"):
        serve(port=endpoint.port)


def test_nothing_listens_afterwards(serve):
    with serve() as endpoint:
        port = endpoint.port
    with pytest.raises(ConnectionRefusedError):
        get(port, "/health")


def test_freshness_runs_out_without_beats():
    now = 100.0
    freshness = Freshness(2.0, clock=lambda: now)
    assert freshness.check() is None
    now = 102.5
    assert freshness.check() == "the loop has been stuck for 2.5 s"
    freshness.beat()
    assert freshness.check() is None
