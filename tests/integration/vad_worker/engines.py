"""The VAD's engines, by name."""

from typing import Any

import pytest

from tests.integration.common.devices import CUDA
from vad_worker import engines
from vad_worker.api import Engine
from vad_worker.settings import VadSettings

ON_CUDA = pytest.param("torch on cuda", marks=CUDA)
ENGINES = ("numpy", "torch", ON_CUDA, "official")


def engine(name: Any, slots: int = 256) -> Engine[Any]:
    """Load an engine; skip the test where its library is not installed."""
    name, _, device = name.partition(" on ")
    if name == "torch":
        pytest.importorskip("torch", reason="the engine needs PyTorch: make test-vllm has it")
    chosen: Any = device or "cpu"
    return engines.build(VadSettings(vad_engine=name, vad_device=chosen, vad_slots=slots))
