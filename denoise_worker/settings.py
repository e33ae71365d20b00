"""The settings of a denoise worker."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from common.defaults import default_of
from common.errors import SettingsError
from common.settings import StageSettings, setting

BUNDLED = "DeepFilterNet3"
"""The model that comes with the extra `denoise`, and the only one whose arithmetic is here."""


@dataclass(frozen=True, kw_only=True)
class DenoiseSettings(StageSettings):
    """How many legs a denoise worker carries and how hard DeepFilterNet filters."""

    # In batches of 32 a leg takes 15 to 25 ms of a core per second (`python -m bench denoise`).
    denoise_slots: int = setting(32, "legs that one worker carries at most", minimum=1)
    denoise_tick_ms: int = setting(
        20,
        "interval in which all legs are read and filtered, up to twice as long with many",
        unit="ms",
        minimum=1,
        maximum=500,
    )
    denoise_threads: int = setting(
        1,
        "threads that share the legs from 16 on; of torch on the CPU, those of each product",
        minimum=1,
        maximum=64,
    )
    denoise_device: Literal["cpu", "cuda"] = setting(
        "cpu", "device that the network runs on; cuda needs the extra gpu"
    )
    denoise_engine: Literal["numpy", "torch"] | None = setting(
        None, "what computes the network; none takes numpy on the CPU, torch on cuda"
    )
    dfn_model: str = setting(
        BUNDLED,
        f"{BUNDLED}, which is installed, or the path of another export of it (.tar.gz)",
    )
    dfn_post_filter: bool = default_of("post_filter", False, " at some cost to the voice")
    # Of loud noise. With more, recognisers hear more wrong words in some noises: docs/quality.md.
    dfn_attenuation_limit: float | None = default_of(
        "attenuation_limit", 6.0, note=" (none: no limit)"
    )

    def __post_init__(self) -> None:
        """Refuse a model that does not exist, and an engine that cannot use the device."""
        StageSettings.__post_init__(self)
        if self.denoise_device == "cuda" and self.engine != "torch":
            raise SettingsError(f"--denoise-engine {self.engine}: only torch computes on cuda")
        if self.model_path is not None and not self.model_path.is_file():
            raise SettingsError(
                f"--dfn-model: no model or file {self.dfn_model!r}; "
                f"there is {BUNDLED}, or the path of another export of it (.tar.gz)"
            )

    @property
    def engine(self) -> Literal["numpy", "torch"]:
        """What computes the network."""
        return self.denoise_engine or ("torch" if self.denoise_device == "cuda" else "numpy")

    @property
    def model_path(self) -> Path | None:
        """The model's archive, None for the one that is installed."""
        return None if self.dfn_model == BUNDLED else Path(self.dfn_model)
