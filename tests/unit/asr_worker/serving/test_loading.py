"""What is refused before vLLM is even imported, and what is said of its failures."""

import os
import threading
from pathlib import Path

import pytest

from asr_worker.api import EngineUnusable
from asr_worker.serving import loading
from asr_worker.serving.loading import RuntimeSettings, load


def settings(**changes: object) -> RuntimeSettings:
    facts = {
        **{"model": "owner/name", "device": None, "options": {}, "fixed": {"runner": "generate"}},
        **{"flag": "--some-options", "architecture": "A", "check": lambda config: None},
        **changes,
    }
    return RuntimeSettings(**facts)  # type: ignore[arg-type]


def refusal(**changes: object) -> str:
    with pytest.raises(EngineUnusable) as refused:
        load(settings(**changes), threading.Event())
    return str(refused.value)


def test_a_directory_that_is_not_there_is_named(tmp_path: Path):
    missing = str(tmp_path / "nowhere")
    assert refusal(model=missing) == f"model {missing!r}: there is no such directory"


def test_an_option_that_is_not_the_operators_is_named():
    assert refusal(options={"runner": "pooling"}) == "--some-options: runner cannot be set there"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("CUDA out of memory. Tried to allocate 2 GiB", "too little memory"),
        ("Free memory on device cuda:0 (1/80 GiB) is less than desired", "too little memory"),
        ("No available memory for the cache blocks.", "too little memory"),
        ("CUDA driver version is insufficient for CUDA runtime version", "update the driver"),
        ("[Errno 2] No such file or directory: 'ninja'", "cannot be served: [Errno 2]"),
        ("CUDA error: an illegal memory access was encountered", "cannot be served: CUDA error"),
        ("Unknown kv cache dtype fp7", "cannot be served: Unknown"),
    ],
)
def test_advice_is_given_only_where_it_is_known(text: str, said: str):
    line = loading._advice(settings(), text)
    assert said in line
    assert "\n" not in line


def test_the_environment_is_put_back(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SET_BEFORE", "old")
    monkeypatch.delenv("NOT_SET", raising=False)
    with loading._environment({"SET_BEFORE": "new", "NOT_SET": "x"}):
        assert (os.environ["SET_BEFORE"], os.environ["NOT_SET"]) == ("new", "x")
    assert os.environ["SET_BEFORE"] == "old"
    assert "NOT_SET" not in os.environ
