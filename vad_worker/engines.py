"""Chooses what computes the network; only the chosen engine's libraries are imported."""

from typing import Any

from common import devices
from vad_worker.api import Engine
from vad_worker.settings import VadSettings


def build(settings: VadSettings) -> Engine[Any]:
    """Load the network. Raises SettingsError when a library, the device or the model is missing."""
    match settings.engine:
        case "torch":
            devices.require(settings.vad_device, "--vad-device", "--vad-engine torch")
            from vad_worker.torch_model import TorchVad

            return TorchVad(settings.vad_device, settings.vad_slots)
        case "official":
            from vad_worker.official import OfficialVad

            return OfficialVad()
        case "numpy":
            from vad_worker.model import SileroVad

            return SileroVad()
