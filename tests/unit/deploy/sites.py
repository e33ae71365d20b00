"""What the chart renders with the values of its sites; without Helm whoever imports this skips."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from ruamel.yaml import YAML

from deploy.helm import tools
from deploy.helm.generate import CHART, FOLDER, render

try:
    tools.program("helm")
except tools.Missing as missing:
    pytest.skip(str(missing), allow_module_level=True)

FILES = {path.stem: path for path in sorted((FOLDER / "sites").glob("*.yaml"))}
WHOLE = [name for name in FILES if name != "openshift"]
"""Those that need no other file below them."""
DEFAULTS: dict[str, Any] = YAML(typ="safe").load(CHART / "values.yaml")
Objects = dict[tuple[str, str], Any]


def read(text: str) -> Objects:
    """Return the objects of a stream by kind and name, without the release's own name."""
    every = [each for each in YAML(typ="safe").load_all(text) if each]
    found = {
        (each["kind"], each["metadata"]["name"].removeprefix("callscribe-")): each for each in every
    }
    assert len(found) == len(every)
    return found


def changed(name: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a file's values with other ones, by dotted name; None leaves a name out."""
    table: dict[str, Any] = YAML(typ="safe").load(FILES[name])
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


def rendered(name: str, changes: Mapping[str, Any], release: str = "callscribe") -> Objects:
    """Return the objects of a changed file by kind and name. Raises Refused."""
    return read(render(sets=changed(name, changes), release=release))


SITES: dict[str, Objects] = {name: rendered(name, {}) for name in WHOLE}
SITES["openshift"] = read(render(FILES["small"], FILES["openshift"]))


def _merged(below: Any, above: Any) -> Any:
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    names = [*below, *(name for name in above if name not in below)]
    return {n: _merged(below.get(n), above[n]) if n in above else below[n] for n in names}


VALUES: dict[str, dict[str, Any]] = {name: _merged(DEFAULTS, changed(name, {})) for name in WHOLE}


def services(site: str) -> dict[str, Any]:
    """Return the values of a site's kinds of processes by name."""
    names = ("gateway", "vad", "denoise", "asr", "align")
    return {name: VALUES[site][name] for name in names if VALUES[site][name].get("enabled", True)}


def of_kind(site: str, kind: str) -> dict[str, Any]:
    """Return the objects of a kind by name."""
    return {name: each for (found, name), each in SITES[site].items() if found == kind}


def pod(workload: Any) -> Any:
    """Return the spec of a workload's pods."""
    return workload["spec"]["template"]["spec"]


def container(workload: Any) -> Any:
    """Return the only container of a workload's pods."""
    (only,) = pod(workload)["containers"]
    return only


def workloads() -> Iterator[Any]:
    """Yield everything that has pods, with an id for pytest."""
    for site, found in SITES.items():
        for each in found.values():
            if "template" in each.get("spec", {}):
                yield site, each


def named(pair: tuple[str, Any]) -> str:
    """Return the id of what `workloads` yields."""
    site, each = pair
    return f"{site}-{each['metadata']['name']}"
