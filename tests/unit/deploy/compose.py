"""docker-compose.yml as Compose reads it: anchors merged, files included, variables replaced."""

import json
import re
from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.conftest import ROOT

FILE = ROOT / "docker-compose.yml"
GPUS = ROOT / "deploy" / "gpus.yml"
USERS = ROOT / "deploy" / "redis-users.yml"
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
PROMETHEUS = ROOT / "deploy" / "prometheus" / "prometheus.yml"

PASSWORD = "0123abcd"
"""Of Redis, without which nothing starts."""

_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+):(?P<kind>[-?+]))")


_REPLACED = {"command", "entrypoint", "test"}
"""Lists that Compose takes whole from the last file; of others it takes all entries."""


class Missing(Exception):
    """A variable that must be set is not; the message is its own."""


def read(env: Mapping[str, str], *overrides: Path) -> Any:
    """Return the file, with those it includes, as Compose would in `env`.

    That holds the shell's variables and .env's, `PASSWORD` unless it has another. `overrides` are
    further files of COMPOSE_FILE.
    """
    main = load(FILE.read_text())
    for each in included():
        assert each.is_file()
        for section, named in load(each.read_text()).items():
            if not section.startswith("x-"):
                assert not main.setdefault(section, {}).keys() & named.keys()
                main[section].update(named)
    for each in overrides:
        main = _merged(main, load(each.read_text()))
    return _interpolate(main, {"REDIS_PASSWORD": PASSWORD, **env})


def included() -> list[Path]:
    """Return the files that docker-compose.yml includes; paths in them begin where it lies."""
    files = load(FILE.read_text())["include"]
    assert all(each["project_directory"] == "." for each in files)
    return [ROOT / each["path"] for each in files]


def load(text: str) -> Any:
    """Return what a file says; a list that replaces another (`!override`) as a list."""
    return deepcopy(_loaded(text))


@cache
def _loaded(text: str) -> Any:
    yaml = YAML(typ="safe", pure=True)
    yaml.constructor.add_constructor(
        "!override", lambda self, node: self.construct_sequence(node, deep=True)
    )
    return yaml.load(text)


def services(env: Mapping[str, str], *overrides: Path) -> dict[str, Any]:
    """Return the services that are built from this repository, and go on."""
    named = read(env, *overrides)["services"].items()
    return {name: each for name, each in named if "build" in each and each["restart"] != "no"}


def environment(service: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, str]:
    """Return what the container gets: a variable without a value is taken from `env`, or unset."""
    resolved = {
        name: env.get(name) if value is None else value
        for name, value in service["environment"].items()
    }
    return {name: value for name, value in resolved.items() if value is not None}


def mounts(file: Any, name: str) -> dict[str, str]:
    """Return what a service sees of the host: a path beside docker-compose.yml, by its own."""
    service = file["services"][name]
    found = {}
    for volume in service.get("volumes", ()):
        source, target, *_ = volume.split(":")
        if source.startswith("./"):
            found[target] = source
    for secret in service.get("secrets", ()):
        found[secret["target"]] = file["secrets"][secret["source"]]["file"]
    return found


def variables() -> set[str]:
    """Return the names that the files interpolate."""
    texts = [each.read_text() for each in (FILE, *included())]
    return {found["name"] for text in texts for found in _VARIABLE.finditer(text)} - {None}


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


def _merged(base: Any, other: Any, key: str = "") -> Any:
    """Return a value of one file with that of the next, as Compose merges them."""
    if isinstance(base, dict) and isinstance(other, dict):
        both = {name: _merged(base[name], other[name], name) for name in base.keys() & other.keys()}
        return {**base, **other, **both}
    if isinstance(base, list) and isinstance(other, list) and key not in _REPLACED:
        return [*base, *other]
    return other


def _interpolate(node: Any, env: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _interpolate(value, env) for key, value in node.items()}
    if isinstance(node, list):
        return [_interpolate(each, env) for each in node]
    if not isinstance(node, str):
        return node
    return _replace(node, env)


def _replace(text: str, env: Mapping[str, str]) -> str:
    """Replace `$$`, `${NAME:-default}`, `${NAME:?message}` and `${NAME:+instead}`.

    What stands for one may hold others. An empty value counts as none.
    """
    done = ""
    while found := _VARIABLE.search(text):
        done += text[: found.start()]
        if found["dollar"]:
            done, text = done + "$", text[found.end() :]
            continue
        end = _closing(text, found.end())
        inner = text[found.end() : end]
        text = text[end + 1 :]
        value = env.get(found["name"])
        if found["kind"] == "+":
            done += _replace(inner, env) if value else ""
        elif value:
            done += value
        elif found["kind"] == "?":
            raise Missing(f"{found['name']}: {inner}")
        else:
            done += _replace(inner, env)
    return done + text


def _closing(text: str, start: int) -> int:
    """Return where the brace closes that is open at `start`."""
    depth = 1
    for place in range(start, len(text)):
        depth += (text[place] == "{") - (text[place] == "}")
        if not depth:
            return place
    raise AssertionError(f"no end: {text}")
