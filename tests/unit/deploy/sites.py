"""What deploy/kubernetes renders from its own files of values."""

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from ruamel.yaml import YAML

from deploy.kubernetes import render
from deploy.kubernetes.values import Values, read
from deploy.kubernetes.yaml_text import Text
from tests.conftest import ROOT


@cache
def _meant(text: Text) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def objects(values: Values) -> list[dict[str, Any]]:
    """Return the objects of a site, with what their YAML says in its place."""
    return [
        {key: _meant(value) if isinstance(value, Text) else value for key, value in each.items()}
        for each in render.objects(values)
    ]


FILES = {path.stem: path for path in (ROOT / "deploy" / "kubernetes" / "sites").iterdir()}
VALUES: dict[str, Values] = {
    name: read(tomllib.loads(path.read_text())) for name, path in FILES.items()
}
SITES: dict[str, list[dict[str, Any]]] = {name: objects(values) for name, values in VALUES.items()}


def changed(name: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a file's values with other ones, by dotted name; None leaves a name out."""
    table = tomllib.loads(FILES[name].read_text())
    for path, value in changes.items():
        *sections, last = path.split(".")
        place = table
        for section in sections:
            place = place.setdefault(section, {})
        if value is None:
            del place[last]
        else:
            place[last] = value
    return table


def rendered(name: str, changes: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    """Return the objects of a changed file by kind and name."""
    found = objects(read(changed(name, changes)))
    return {(each["kind"], each["metadata"]["name"]): each for each in found}


def of_kind(site: str, kind: str) -> dict[str, Any]:
    """Return the objects of a kind by name."""
    found = (each for each in SITES[site] if each["kind"] == kind)
    return {each["metadata"]["name"]: each for each in found}


def pod(workload: Any) -> Any:
    """Return the spec of a workload's pods."""
    return workload["spec"]["template"]["spec"]


def workloads() -> Iterator[Any]:
    """Yield everything that has pods, with an id for pytest."""
    for site, found in SITES.items():
        for each in found:
            if "template" in each.get("spec", {}):
                yield site, each


def named(pair: tuple[str, Any]) -> str:
    """Return the id of what `workloads` yields."""
    site, each = pair
    return f"{site}-{each['metadata']['name']}"
