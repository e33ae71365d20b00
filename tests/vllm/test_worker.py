"""ASR workers with vLLM as processes: how they refuse to start, and how they die."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from callscribe.embedded_redis import EmbeddedRedis
from tests.integration.callscribe.processes import until
from tests.integration.pipeline.calls import FINALIZE, config, line, messages, sentence
from tests.integration.pipeline.services import Service, service
from tests.vllm import tiny

DEATH_S = 5.0
"""How long a worker may outlive its engine."""


@pytest.fixture(scope="module")
def redis() -> Iterator[str]:
    with EmbeddedRedis() as redis:
        yield redis.url


def flags(model: Path | str, **options: object) -> list[str]:
    return [
        *("--asr-engine", "vllm", "--asr-model-path", str(model), "--asr-device", "cpu"),
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


def descendants(pid: int) -> list[int]:
    """Return the processes below `pid`, nearest first."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, task.joinpath("children").read_text().split()):
            found += [child, *descendants(child)]
    return found


def engines(worker: Service) -> list[int]:
    """Return vLLM's processes of a worker, the engine first."""
    return [
        pid
        for pid in descendants(worker.process.pid)
        if b"VLLM" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def test_the_death_of_an_engine_in_mid_utterance_costs_no_word(redis: str, tiny_model: Path):
    model = flags(tiny_model)
    audio = [*messages(sentence())]
    middle = len(audio) // 2
    with (
        service("gateway", redis) as gateway,
        service("vad", redis) as vad,
        service("asr", redis, *model) as victim,
    ):
        for each in (victim, vad, gateway):
            each.wait_ready()
        async with line(gateway.url) as client:
            await client.say(config(), *audio[:middle])
            await client.hear("partial")
            with service("asr", redis, *model) as heir:
                heir.wait_ready()
                os.kill(engines(victim)[0], signal.SIGKILL)
                killed = time.monotonic()
                assert victim.process.wait(DEATH_S) != 0
                assert time.monotonic() - killed < DEATH_S
                await client.say(*audio[middle:], FINALIZE)
                transcript = await client.hear_out()
                assert 'callscribe_takeovers_total{stage="asr"} 1.0' in heir.page("/metrics")[
                    1
                ] or ("callscribe_decode_seconds_count" in heir.page("/metrics")[1])
    assert transcript.errors == []
    assert len(transcript.finals) == 1
    assert transcript.close_code == 1000


def test_an_engine_does_not_outlive_its_worker(redis: str, tiny_model: Path):
    with service("asr", redis, *flags(tiny_model)) as worker:
        worker.wait_ready()
        processes = engines(worker)
        assert processes
        worker.kill()
        until(lambda: not any(map(alive, processes)))


def test_an_idle_worker_ends_with_its_engine(redis: str, tiny_model: Path):
    with service("asr", redis, *flags(tiny_model)) as worker:
        worker.wait_ready()
        os.kill(engines(worker)[0], signal.SIGKILL)
        assert worker.process.wait(DEATH_S) != 0
