"""The denoiser's engines on the CPU, by name."""

import pytest

from denoise_worker import engines
from denoise_worker.settings import DenoiseSettings

ENGINES = ("numpy", "torch")


def engine(name):
    """Load an engine; skip the test where its library is not installed."""
    if name == "torch":
        pytest.importorskip("torch", reason="the engine needs PyTorch: make test-vllm has it")
    return engines.build(DenoiseSettings(denoise_engine=name))
