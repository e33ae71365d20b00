"""Redis refuses what is written: the log, /ready and the client say so, in its own words."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import redis
from websockets.exceptions import InvalidStatus

from tests.integration.callscribe.processes import until
from tests.integration.common.server import Server
from tests.integration.pipeline.calls import config, converse
from tests.integration.pipeline.services import Service, service


@contextmanager
def full(server: Server, path: Path) -> Iterator[None]:
    server.fill()
    yield
    server.make_room()


@contextmanager
def unsaved(server: Server, path: Path) -> Iterator[None]:
    """Its snapshots fail, as on a full disk."""
    client = server.client
    gone = path / "gone"
    gone.mkdir()
    client.config_set("dir", str(gone))
    gone.rmdir()
    client.config_set("save", "3600 1")
    client.bgsave()
    until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err")
    yield
    client.config_set("save", "")


@contextmanager
def busy(server: Server, path: Path) -> Iterator[None]:
    server.client.config_set("busy-reply-threshold", 10)
    other = redis.Redis(port=server.port)

    def block() -> None:
        with pytest.raises(redis.ResponseError, match=r"(?i)killed"):
            other.eval("while true do end", 0)

    running = threading.Thread(target=block)
    running.start()
    yield
    server.client.script_kill()
    running.join()
    other.close()


@contextmanager
def alone(server: Server, path: Path) -> Iterator[None]:
    server.client.config_set("min-replicas-to-write", 1)
    yield
    server.client.config_set("min-replicas-to-write", 0)


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (full, "OOM command not allowed when used memory > 'maxmemory'"),
        (unsaved, "MISCONF "),
        (busy, "BUSY "),
        (alone, "NOREPLICAS Not enough good replicas to write"),
    ],
)
async def test_what_redis_says_is_told_once_and_its_end(
    trouble: Callable[[Server, Path], AbstractContextManager[None]], words: str, tmp_path: Path
):
    logs = {name: tmp_path / f"{name}.log" for name in ("gateway", "vad")}
    said = f"Redis refuses writes: {words}"
    with (
        Server(tmp_path, "--enable-protected-configs", "yes") as server,
        logs["gateway"].open("wb") as one,
        logs["vad"].open("wb") as other,
        service("vad", server.url, stderr=other) as vad,
        service("gateway", server.url, stderr=one) as gateway,
    ):
        vad.wait_ready()
        until(lambda: "asr" in ready(gateway) and "vad" not in ready(gateway))
        with trouble(server, tmp_path):
            until(lambda: all(ready(each).startswith(f"503 {said}") for each in (gateway, vad)))
            assert vad.page("/health")[0] == 200
            if "OOM" in words:  # that is known before a call is
                with pytest.raises(InvalidStatus) as refused:
                    await converse(gateway.url, config())
                assert refused.value.response.body.endswith(b"redis_memory\n")
            else:
                transcript = await converse(gateway.url, config())
                assert transcript.errors == ["unavailable"]
                assert transcript.of("error")[0]["message"].startswith(said)
        vad.wait_ready()
        until(lambda: ready(gateway) == "503 no live worker: asr\n")
    for log in logs.values():
        told = re.findall(r" (redis\.(?:refuses|accepts)) (.*)", log.read_text())
        assert [event for event, _ in told] == ["redis.refuses", "redis.accepts"]
        assert words in told[0][1]
        assert f"server=127.0.0.1:{server.port}" in told[0][1]


def ready(process: Service) -> str:
    status, text = process.page("/ready")
    return f"{status} {text}"
