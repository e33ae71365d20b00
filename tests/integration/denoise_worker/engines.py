"""The denoiser's engines, by name."""

import pytest

from denoise_worker import engines
from denoise_worker.settings import DenoiseSettings
from tests.integration.common.devices import CUDA

ON_CUDA = pytest.param("torch on cuda", marks=CUDA)
ENGINES = ("numpy", "torch", ON_CUDA)


def engine(name, slots=32):
    """Load an engine; skip the test where its library is not installed."""
    name, _, device = name.partition(" on ")
    if name == "torch":
        pytest.importorskip("torch", reason="the engine needs PyTorch: make test-vllm has it")
    settings = DenoiseSettings(
        denoise_engine=name, denoise_device=device or "cpu", denoise_slots=slots
    )
    return engines.build(settings)
