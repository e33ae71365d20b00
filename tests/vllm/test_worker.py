"""ASR workers with vLLM as processes: how they refuse to start, and how they die."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bench.gpu.processes import descendants
from tests.integration.callscribe.processes import gone, until
from tests.integration.pipeline.calls import (
    FINALIZE,
    config,
    converse,
    line,
    messages,
    sentence,
)
from tests.integration.pipeline.services import Service, service
from tests.real_redis import real_redis
from tests.vllm import tiny

START_S = 300.0
DEATH_S = 5.0
"""How long a worker may outlive its engine."""


@pytest.fixture(scope="module")
def redis() -> Iterator[str]:
    with real_redis() as redis:
        yield redis.url


def flags(model: Path | str, **options: object) -> list[str]:
    return [
        *("--asr-engine", "vllm", "--asr-model", str(model), "--asr-device", "cpu"),
        *("--max-new-tokens", "8"),
        *("--asr-vllm-options", json.dumps({**tiny.OPTIONS, **options})),
    ]


def refusal(redis: str, *arguments: str) -> str:
    """Return the last line that a worker which cannot start says; all of them are short."""
    command = [sys.executable, "-m", "callscribe", "asr", "--redis-url", redis, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith("callscribe asr: ")
    return last


def folder(path: Path, **facts: object) -> Path:
    path.joinpath("config.json").write_text(json.dumps(facts))
    return path


def test_a_missing_model_is_named(redis: str, tiny_model: Path, tmp_path: Path):
    said = refusal(redis, *flags(tmp_path / "nowhere"))
    assert "nowhere': there is no such directory" in said
    said = refusal(redis, *flags("Qwen/No-Such"))
    assert "'Qwen/No-Such': neither a directory that holds a model nor a name" in said


def test_another_kind_of_model_is_refused(redis: str, tiny_model: Path, tmp_path: Path):
    other = folder(tmp_path, model_type="whisper", architectures=["WhisperModel"])
    assert "a model of type 'whisper', not Qwen3-ASR" in refusal(redis, *flags(other))


def test_without_a_gpu_it_says_what_to_do(redis: str, tiny_model: Path):
    arguments = flags(tiny_model)
    position = arguments.index("--asr-device")
    del arguments[position : position + 2]
    said = refusal(redis, *arguments)
    assert "no GPU" in said
    assert "whisper" in said


def test_too_little_memory_names_what_to_lower(redis: str, tiny_model: Path):
    said = refusal(redis, *flags(tiny_model, num_gpu_blocks_override=4))
    assert "too little memory: lower max_model_len" in said
    assert "--asr-vllm-options" in said


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ('{"no_such_option": 1}', "no_such_option"),
        ('{"runner": "pooling"}', "runner cannot be set there"),
    ],
)
def test_wrong_options_are_named(redis: str, tiny_model: Path, options: str, complaint: str):
    arguments = [*flags(tiny_model)[:-1], options]
    said = refusal(redis, *arguments)
    assert "--asr-vllm-options" in said
    assert complaint in said


def engines(worker: Service) -> list[int]:
    """Return vLLM's processes of a worker, the engine first."""
    found = []
    for pid in descendants(worker.process.pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            if b"VLLM" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def ready(service: Service) -> None:
    until(lambda: service.page("/ready")[0] == 200, START_S)


def decodes(worker: Service) -> float:
    """Return how many decodes for calls a worker has done."""
    page = worker.page("/metrics")[1]
    counts = re.findall(r"^callscribe_decode_seconds_count\{.*\} (.*)$", page, re.MULTILINE)
    return sum(map(float, counts))


async def test_the_death_of_an_engine_in_mid_utterance_costs_no_word(redis: str, tiny_model: Path):
    audio = [*messages(sentence())]
    middle = len(audio) // 2
    with (
        service("gateway", redis) as gateway,
        service("vad", redis) as vad,
        service("asr", redis, *flags(tiny_model)) as victim,
        service("asr", redis, *flags(tiny_model)) as heir,
    ):
        for each in (victim, heir, vad, gateway):
            ready(each)
        undisturbed = await converse(gateway.url, config(), *audio, FINALIZE)
        before = [decodes(each) for each in (victim, heir)]
        async with line(gateway.url) as client:
            await client.say(config(), *audio[:middle])
            await client.hear("partial")
            if decodes(victim) == before[0]:
                victim, heir, before = heir, victim, before[::-1]
            os.kill(engines(victim)[0], signal.SIGKILL)
            assert victim.process.wait(DEATH_S) != 0
            await client.say(*audio[middle:], FINALIZE)
            transcript = await client.hear_out()
        assert decodes(heir) > before[1]
        # Nor does an engine outlive its worker.
        processes = engines(heir)
        assert processes
        heir.kill()
        until(lambda: all(map(gone, processes)))
    assert transcript.errors == []
    assert len(transcript.finals) == 1
    assert transcript.by_utterance() == undisturbed.by_utterance()
    assert transcript.close_code == 1000


def test_an_idle_worker_ends_with_its_engine(redis: str, tiny_model: Path):
    with service("asr", redis, *flags(tiny_model)) as worker:
        ready(worker)
        os.kill(engines(worker)[0], signal.SIGKILL)
        assert worker.process.wait(DEATH_S) != 0


def test_a_worker_that_is_still_loading_ends_when_asked(redis: str, tiny_model: Path):
    with service("asr", redis, *flags(tiny_model)) as worker:
        until(lambda: bool(engines(worker)), START_S)
        processes = engines(worker)
        assert worker.end() == 0
        until(lambda: all(map(gone, processes)))
