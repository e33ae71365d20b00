"""Writes what is in each image, and in the page and its client, as CycloneDX JSON: `make sbom`.

``python deploy/sbom.py DIRECTORY``, from the repository's root. Images are described by their
locks. Every file is held against CycloneDX's schema, and must name each locked package with its
hashes; an error ends the program with a message.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

LOCKS = Path("deploy/locks")
MORE = {image: ["no-deps"] for image in ("asr-cpu", "asr-vllm", "gpu", "vad")}
"""Locks that an image has beside its own."""
NOT_IMAGES = {"build", "no-deps", "sbom"}
_PIN = re.compile(r"^([\w.-]+)==([^\s;]+)", re.MULTILINE)


def images() -> list[str]:
    """Return the extras of all images."""
    return sorted({path.stem for path in LOCKS.glob("*.txt")} - NOT_IMAGES)


def of_image(image: str) -> str:
    """Return what an image has, by its locks. Raises ValueError when something is missing."""
    locked = "".join((LOCKS / f"{each}.txt").read_text() for each in [image, *MORE.get(image, [])])
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", "-"]
    command += ["--pyproject", "pyproject.toml", "--mc-type", "application"]
    command += ["--output-format", "JSON", "--output-reproducible"]
    told = subprocess.run(command, input=locked, capture_output=True, text=True, check=True).stdout
    named = {(each["name"], each["version"]): each for each in json.loads(told)["components"]}
    pins = set(_PIN.findall(locked))
    if named.keys() != pins:
        raise ValueError(f"{image}: the list and the lock differ: {named.keys() ^ pins}")
    bare = [name for (name, _), each in named.items() if not _hashes(each)]
    if bare:
        raise ValueError(f"{image}: no hashes of {bare}")
    return told


def of_clients() -> str:
    """Return what the page and the JavaScript client are built from and with."""
    command = ["npm", "--prefix", "clients", "sbom", "--package-lock-only"]
    command += ["--sbom-format", "cyclonedx", "--sbom-type", "library"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _hashes(component: dict[str, object]) -> object:
    references = component.get("externalReferences", [])
    assert isinstance(references, list)
    return [each["hashes"] for each in references if each.get("hashes")]


def main(directory: Path) -> None:
    """Write and check every file."""
    directory.mkdir(parents=True, exist_ok=True)
    lists = {image: of_image(image) for image in images()} | {"clients": of_clients()}
    for name, told in lists.items():
        facts = json.loads(told)
        schema = SchemaVersion.from_version(facts["specVersion"])
        if error := JsonStrictValidator(schema).validate_str(told):
            sys.exit(f"{name}: {error}")
        (directory / f"{name}.cdx.json").write_text(told)
        print(f"{name:10} CycloneDX {facts['specVersion']}, {len(facts['components'])} components")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
