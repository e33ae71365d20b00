"""Utterances that end whoever decodes them: the call goes on, and so do the workers."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from common.audio import SAMPLE_RATE, FloatArray
from common.bus import keys
from common.bus.dead_letters import BURST
from tests.integration.callscribe.processes import gone, until
from tests.integration.forks import ONE_THREAD, Fork, fork
from tests.integration.pipeline.calls import FINALIZE, config, converse, messages, said
from tests.integration.pipeline.services import Service, service
from tests.real_redis import admin, real_redis

GOOD, DEADLY = 0.1, 0.7
"""Loudness of what can be recognised, and of what ends the engine."""


@pytest.fixture
def redis_of_its_own() -> Iterator[str]:
    with real_redis() as redis:
        yield redis.url


@pytest.fixture
def gateway(redis_of_its_own: str) -> Iterator[Service]:
    """A gateway, and a VAD that calls speech what is loud."""
    vad = ("bench.dummies", "vad", "--redis-url", redis_of_its_own)
    with service("gateway", redis_of_its_own) as gateway:
        process = fork(*vad)
        try:
            yield gateway
        finally:
            process.terminate()
            process.wait(20)


class Workers:
    """ASR workers that are started again when they die, as a supervisor would."""

    def __init__(self, redis_url: str, count: int, **env: str) -> None:
        flags = ("--lease-s", "0.5", "--heartbeat-s", "0.1", "--drain-s", "3")
        module = "tests.integration.asr_worker.deadly"
        self._command = (module, "--redis-url", redis_url, *flags)
        self._env = env
        self.deaths = 0
        self.workers = [self._start() for _ in range(count)]

    def _start(self) -> Fork:
        return fork(*self._command, env=self._env)

    async def look_after(self) -> None:
        while True:
            for place, worker in enumerate(self.workers):
                if worker.poll() is not None:
                    self.deaths += 1
                    self.workers[place] = self._start()
            await asyncio.sleep(0.05)

    def end(self) -> None:
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            worker.wait(20)

    def children(self) -> list[int]:
        """Return the processes in which the workers decode in isolation."""
        parents = {worker.pid for worker in self.workers}
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(path.read_text().rpartition(")")[2].split()[1])
                command = path.with_name("cmdline").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if parent in parents and "spawn_main" in command:
                found.append(int(path.parent.name))
        return found


@contextmanager
def running(redis_url: str, count: int, **env: str) -> Iterator[Workers]:
    workers = Workers(redis_url, count, **env)
    keeper = asyncio.ensure_future(workers.look_after())
    try:
        yield workers
    finally:
        keeper.cancel()
        workers.end()


def call(*loudness: float) -> list[bytes]:
    """Return a call of one-second utterances, each as loud as this."""
    tone = np.sin(np.arange(SAMPLE_RATE) * 2 * np.pi * 300 / SAMPLE_RATE).astype(np.float32)
    parts: list[FloatArray | float] = [0.5]
    for each in loudness:
        parts += [tone * np.float32(each), 1.5]
    return [*messages(said(*parts))]


def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, "-m", "callscribe", "dead-letters", *arguments]
    return subprocess.run(
        words, env={**os.environ, **ONE_THREAD}, capture_output=True, text=True, check=False
    )


async def ready(gateway: Service) -> None:
    await asyncio.to_thread(gateway.wait_ready)


@pytest.mark.timeout(180)
async def test_one_poisonous_utterance_costs_two_workers_and_its_own_text(
    gateway: Service, redis_of_its_own: str
):
    url = ("--redis-url", redis_of_its_own)
    with running(redis_of_its_own, 2) as workers:
        await ready(gateway)
        spoken = call(GOOD, GOOD, DEADLY, GOOD, GOOD)
        # A partial takes what audio there is: of a call sent this fast, also the next utterances'.
        quiet = config(interim_results=False)
        transcript = await converse(gateway.url, quiet, *spoken, FINALIZE)
        assert transcript.close_code == 1000
        assert transcript.errors == ["utterance_failed"]
        (error,) = transcript.of("error")
        assert error["message"].startswith("utterance 3 of channel 0 (")
        assert error["message"].endswith("every attempt ended the recogniser")
        texts = {number: text for (_, number), text in transcript.by_utterance().items() if text}
        assert sorted(texts) == [1, 2, 4, 5]
        assert all(text.endswith("seconds") for text in texts.values())
        assert workers.deaths == 2

        listed = command("list", "--json", *url)
        (letter,) = map(json.loads, listed.stdout.splitlines())
        assert (letter["session"], letter["channel"]) == (transcript.session, 0)
        assert (letter["utterance"], letter["attempts"]) == (3, 3)
        assert letter["reason"] == "decoded in isolation: SIGKILL, SIGKILL"
        assert letter["id"] in command("list", *url).stdout

        again = command("replay", letter["id"], *url)
        assert again.returncode == 1
        assert "not replayed: it failed again" in again.stderr
        assert workers.deaths == 2, "a replay harms nobody"
        assert len(command("list", "--json", *url).stdout.splitlines()) == 1
    with running(redis_of_its_own, 1, DEADLY="no") as mended:
        again = command("replay", "--all", *url)
        assert again.returncode == 0, again.stderr
        assert f"{letter['id']}  {transcript.session}.0/3  " in again.stdout
        assert again.stdout.endswith(" seconds\n")
        assert command("list", *url).stdout == ""
        # It was decoded in a child, which ends with its worker in any case.
        (child,) = mended.children()
        mended.workers[0].kill()
        until(lambda: gone(child))


@pytest.mark.timeout(180)
async def test_many_at_once_are_not_given_up_but_wait_for_the_deploy_to_be_mended(
    gateway: Service, redis_of_its_own: str
):
    count = BURST + 2
    client = admin(redis_of_its_own)
    with running(redis_of_its_own, 2) as workers:
        await ready(gateway)
        spoken = call(*[DEADLY] * count)
        calling = asyncio.create_task(converse(gateway.url, config(), *spoken, FINALIZE))
        while client.xlen(keys.dead("asr")) < BURST:
            assert not calling.done()
            await asyncio.sleep(0.05)
        await asyncio.sleep(2.0)
        assert client.xlen(keys.dead("asr")) == BURST
        assert client.xlen(keys.work_items("asr")) == count - BURST, "they wait"
        assert workers.deaths >= 2
    client.delete(keys.dead("asr"))  # as if a minute had passed
    client.close()
    with running(redis_of_its_own, 1, DEADLY="no"):
        transcript = await calling
    assert transcript.errors == ["utterance_failed"] * BURST
    assert len(transcript.texts) == count - BURST
    assert transcript.close_code == 1000
