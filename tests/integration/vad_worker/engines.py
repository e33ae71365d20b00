"""The VAD's engines on the CPU, by name."""

from typing import Any

import pytest

from vad_worker import engines
from vad_worker.api import Engine
from vad_worker.settings import VadSettings

ENGINES = ("numpy", "torch", "official")


def engine(name: Any) -> Engine[Any]:
    """Load an engine; skip the test where its library is not installed."""
    if name == "torch":
        pytest.importorskip("torch", reason="the engine needs PyTorch: make test-vllm has it")
    return engines.build(VadSettings(vad_engine=name))
