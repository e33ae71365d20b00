"""The settings of a worker that counts words."""

from dataclasses import dataclass

from common.settings import StageSettings, setting


@dataclass(frozen=True, kw_only=True)
class CountSettings(StageSettings):
    """How many texts it carries."""

    count_slots: int = setting(8, "texts that one worker carries at most", minimum=1, maximum=64)
