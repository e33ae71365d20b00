"""Recognisers, found by name: `<name>.py` here is engine `<name>`.

The module has `build(settings) -> Engine` and `SLOTS` (`asr_worker.api`). Only building the engine
needs its libraries, not importing the module. It may have `weights(settings) -> Path | None`: the
file or directory that the engine would load, None if that is not known before.
"""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from asr_worker.api import Engine, EngineSettings
from asr_worker.json_options import json_object
from asr_worker.settings import AsrSettings
from common.errors import SettingsError


def available() -> tuple[str, ...]:
    """Names of the engines in this installation, sorted; nothing is imported."""
    return tuple(sorted(module.name for module in iter_modules(__path__)))


def settings_of(settings: AsrSettings) -> EngineSettings:
    """Return what the engine is built from. SettingsError for options that are not JSON."""
    return EngineSettings(
        model=settings.asr_model,
        device=settings.asr_device,
        compute_type=settings.asr_compute_type,
        threads=settings.asr_threads,
        concurrency=settings.asr_concurrency,
        max_new_tokens=settings.max_new_tokens,
        beam_size=settings.asr_beam_size,
        multilingual=settings.asr_multilingual,
        vllm_options=json_object(settings.asr_vllm_options, "--asr-vllm-options"),
    )


def slots(settings: AsrSettings) -> int:
    """Return how many utterances one worker carries at most."""
    suited: int = _module(settings.asr_engine).SLOTS
    return settings.asr_slots or suited


def build(name: str, settings: EngineSettings) -> Engine:
    """Build engine `name`, unstarted. Raises SettingsError that lists the known engines."""
    engine: Engine = _module(name).build(settings)
    return engine


def speech(name: str) -> float:
    """Return how much dearer to engine `name` a final of 4 s of speech is than one of noise."""
    dearer: float = _module(name).SPEECH
    return dearer


def weights(name: str, settings: EngineSettings) -> Path | None:
    """Return where the weights lie that engine `name` would load, None if that is not known."""
    find = getattr(_module(name), "weights", None)
    found: Path | None = find(settings) if find is not None else None
    return found


def _module(name: str) -> Any:
    if name not in available():
        raise SettingsError(f"no ASR engine {name!r}; there are: {', '.join(available())}")
    return import_module(f"{__name__}.{name}")
