"""docker-compose.yml as Compose reads it: anchors merged, variables replaced."""

import json
import re
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML

from tests.conftest import ROOT

FILE = ROOT / "docker-compose.yml"
GPUS = ROOT / "deploy" / "gpus.yml"
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
PROMETHEUS = ROOT / "deploy" / "prometheus" / "prometheus.yml"

_VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+):-([^}]*)\})")


def read(env: Mapping[str, str]) -> Any:
    """Return the file as Compose would in `env`, which holds the shell's variables and .env's."""
    return _interpolate(load(FILE.read_text()), env)


def load(text: str) -> Any:
    """Return what a file says; a list that replaces another (`!override`) as a list."""
    yaml = YAML(typ="safe", pure=True)
    yaml.constructor.add_constructor(
        "!override", lambda self, node: self.construct_sequence(node, deep=True)
    )
    return yaml.load(text)


def services(env: Mapping[str, str]) -> dict[str, Any]:
    """Return the services that are built from this repository, and go on."""
    named = read(env)["services"].items()
    return {name: each for name, each in named if "build" in each and each["restart"] != "no"}


def environment(service: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, str]:
    """Return what the container gets: a variable without a value is taken from `env`, or unset."""
    resolved = {
        name: env.get(name) if value is None else value
        for name, value in service["environment"].items()
    }
    return {name: value for name, value in resolved.items() if value is not None}


def variables() -> set[str]:
    """Return the names that the file interpolates."""
    return {name for _, name, _ in _VARIABLE.findall(FILE.read_text()) if name}


def image_environment() -> dict[str, str]:
    """Return the variables that every image sets, but for its PATH."""
    _, image = DOCKERFILE.read_text().rsplit("\nFROM ", 1)
    lines = re.findall(r"^ENV (.+)$", image, re.MULTILINE)
    pairs = (pair.split("=", 1) for line in lines for pair in line.split())
    return {name: value for name, value in pairs if name != "PATH"}


def image_entrypoint() -> Any:
    (entrypoint,) = re.findall(r"^ENTRYPOINT (.+)$", DOCKERFILE.read_text(), re.MULTILINE)
    return json.loads(entrypoint)


def scrape_targets() -> list[tuple[str, int]]:
    """Return the service names and ports that Prometheus resolves."""
    return [
        (name, discovery["port"])
        for job in load(PROMETHEUS.read_text())["scrape_configs"]
        for discovery in job.get("dns_sd_configs", ())
        for name in discovery["names"]
    ]


def _interpolate(node: Any, env: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _interpolate(value, env) for key, value in node.items()}
    if isinstance(node, list):
        return [_interpolate(each, env) for each in node]
    if not isinstance(node, str):
        return node
    # `:-` takes the default for an empty value, too.
    return _VARIABLE.sub(lambda m: m[1] or env.get(m[2]) or m[3], node)
