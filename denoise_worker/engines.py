"""Chooses what computes the network; only the chosen engine's libraries are imported."""

from typing import Any

from common import devices
from denoise_worker.api import Engine
from denoise_worker.settings import DenoiseSettings


def build(settings: DenoiseSettings) -> Engine[Any]:
    """Load the network. Raises SettingsError when a library, the device or the model is missing."""
    threads = settings.denoise_threads
    if settings.engine == "torch":
        devices.require(settings.denoise_device, "--denoise-device", "--denoise-engine torch")
        from denoise_worker.torch_model import TorchDeepFilter

        return TorchDeepFilter(
            settings.model_path,
            device=settings.denoise_device,
            threads=threads,
            legs=settings.denoise_slots,
        )
    from denoise_worker.model import DeepFilter

    return DeepFilter(settings.model_path, threads)
