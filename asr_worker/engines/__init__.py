"""Recognisers, found by name: `<name>.py` here with `build(settings) -> Engine` is engine `<name>`.

Importing a module needs none of its libraries; building its engine does.
"""

from importlib import import_module
from pkgutil import iter_modules

from asr_worker.api import Engine, EngineSettings
from common.errors import SettingsError


def available() -> tuple[str, ...]:
    """Names of the engines in this installation, sorted; nothing is imported."""
    return tuple(sorted(module.name for module in iter_modules(__path__)))


def build(name: str, settings: EngineSettings) -> Engine:
    """Build engine `name`, unstarted. Raises SettingsError naming the engines there are."""
    if name not in available():
        raise SettingsError(f"no ASR engine {name!r}; there are: {', '.join(available())}")
    engine: Engine = import_module(f"{__name__}.{name}").build(settings)
    return engine
