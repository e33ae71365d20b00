"""The settings of a VAD worker."""

from dataclasses import dataclass
from typing import Literal

from common.errors import SettingsError
from common.settings import StageSettings, setting


@dataclass(frozen=True, kw_only=True)
class VadSettings(StageSettings):
    """How many legs a VAD worker carries and how it batches them.

    Thresholds belong to the session: their defaults are the gateway's settings.
    """

    vad_slots: int = setting(256, "legs that one worker carries at most", minimum=1)
    vad_tick_ms: int = setting(
        16,
        "interval in which all legs are read and inferred as one batch; with many, up to twice as"
        " long",
        unit="ms",
        minimum=1,
        maximum=500,
    )
    vad_device: Literal["cpu", "cuda"] = setting(
        "cpu", "device that the network runs on; cuda needs the extra gpu"
    )
    vad_engine: Literal["numpy", "torch", "official"] | None = setting(
        None,
        "what computes the network; official: its own ONNX file, a leg at a time;"
        " none takes numpy on the CPU, torch on cuda",
    )

    def __post_init__(self) -> None:
        """Refuse an engine that cannot use the device."""
        StageSettings.__post_init__(self)
        if self.vad_device == "cuda" and self.engine != "torch":
            raise SettingsError(f"--vad-engine {self.engine}: only torch computes on cuda")

    @property
    def engine(self) -> Literal["numpy", "torch", "official"]:
        """What computes the network."""
        return self.vad_engine or ("torch" if self.vad_device == "cuda" else "numpy")
