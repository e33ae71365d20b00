"""The settings of a VAD worker."""

from dataclasses import dataclass

from common.settings import StageSettings, setting


@dataclass(frozen=True, kw_only=True)
class VadSettings(StageSettings):
    """How many legs a VAD worker carries and how it batches them.

    Thresholds belong to the session: their defaults are the gateway's settings.
    """

    vad_slots: int = setting(256, "legs that one worker carries at most", minimum=1)
    vad_tick_ms: int = setting(
        16,
        "interval in which all legs are read and inferred as one batch",
        unit="ms",
        minimum=1,
        maximum=500,
    )
