"""What is made of the chart and of the services' code: settings, the table of values, the base."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from common.settings import Definition, definitions, settings_classes
from deploy.helm import tools

FOLDER = Path(__file__).resolve().parent
CHART = FOLDER / "callscribe"
SCHEMA = CHART / "values.schema.json"
README = CHART / "README.md"
BASE = FOLDER.parent / "kustomize"
MARK = "<!-- values -->"
_JSON = {bool: "boolean", int: "integer", float: "number"}
_HELMS_OWN = ("helm.sh/chart:", "app.kubernetes.io/managed-by:", "# Source:")


class Refused(Exception):
    """Helm rendered nothing; the message is what it says."""


def render(
    *values: Path, sets: Mapping[str, Any] | None = None, release: str = "callscribe"
) -> str:
    """Return the manifests of files of values; `sets` count after them. Raises Refused."""
    files = [argument for each in values for argument in ("--values", str(each))]
    given = ("--values", "-") if sets else ()
    done = tools.run(
        "helm",
        "template",
        release,
        str(CHART),
        "--namespace",
        "callscribe",
        *files,
        *given,
        stdin=json.dumps(sets),
    )
    if done.returncode:
        raise Refused(done.stderr)
    return done.stdout


def schema() -> str:
    """Return the schema of values with the settings that the services have now."""
    held = json.loads(SCHEMA.read_text())
    own = {name: each for name, each in held["definitions"].items() if "settings" not in name}
    for service, cls in settings_classes().items():
        own[f"settings-{service}"] = {
            "description": "settings of the service, by the names in docs/operations.md",
            "type": "object",
            "additionalProperties": False,
            "properties": {name: _property(each) for name, each in definitions(cls).items()},
        }
    return json.dumps(held | {"definitions": own}, indent=2, ensure_ascii=False) + "\n"


def _property(setting: Definition) -> dict[str, Any]:
    unit = f", {setting.unit}" if setting.unit else ""
    limits = {"minimum": setting.minimum, "maximum": setting.maximum}
    return {
        "description": setting.help + unit,
        "type": _JSON.get(setting.type, "string"),
        **({"enum": [*setting.choices]} if setting.choices else {}),
        **{name: limit for name, limit in limits.items() if limit is not None},
    }


def table() -> str:
    """Return the README of the chart with a table of all values."""
    held = json.loads(SCHEMA.read_text())
    defaults = YAML(typ="safe").load(CHART / "values.yaml")
    lines = ["| value | default | what it is |", "|---|---|---|"]
    services = [*settings_classes()]
    shared: dict[str, dict[str, str]] = {}
    rows: list[tuple[str, str, str]] = []
    for path, described in leaves(held):
        section, _, name = path.partition(".")
        default = _shown(_at(defaults, path))
        if section in services and "$ref" in described:
            shared.setdefault(name, {})[section] = default
        else:
            rows.append((path, default, _resolved(held, described)["description"]))
    for name, each in shared.items():
        most = max(each.values(), key=[*each.values()].count)
        others = [f"{service}: {one}" for service, one in each.items() if one != most]
        everywhere = len(each) == len(services)
        path = f"*service*.{name}" if everywhere else f"{', '.join(each)}: {name}"
        reference = "settings-gateway" if name == "settings" else name
        meaning = held["definitions"][reference]["description"]
        rows.append((path, "; ".join([most, *others]), meaning))
    lines += [f"| {path} | {default} | {meaning} |" for path, default, meaning in rows]
    before, _, rest = README.read_text().partition(MARK)
    after = rest.partition(MARK)[2]
    return before + MARK + "\n" + "\n".join(lines) + "\n" + MARK + after


def leaves(held: Mapping[str, Any], path: str = "", node: Any = None) -> Iterator[tuple[str, Any]]:
    """Yield the dotted name and the schema of each value that is no section."""
    for name, each in (node or held)["properties"].items():
        inner = f"{path}.{name}" if path else name
        if "properties" in each:
            yield from leaves(held, inner, each)
        elif inner != "global":
            yield inner, each


def _resolved(held: Mapping[str, Any], described: Mapping[str, Any]) -> Any:
    reference = described.get("$ref", "").rpartition("/")[2]
    return held["definitions"][reference] if reference else described


def _at(defaults: Any, path: str) -> Any:
    for name in path.split("."):
        defaults = defaults[name]
    return defaults


def _shown(default: Any) -> str:
    return f"`{json.dumps(default)}`" if default not in ("", [], {}) else ""


def base() -> str:
    """Return the manifests for Kustomize: what its values render, without Helm's own labels."""
    lines = render(BASE / "values.yaml").splitlines()
    kept = [line for line in lines if line.strip() and not line.strip().startswith(_HELMS_OWN)]
    return "\n".join(kept) + "\n"


MADE = {SCHEMA: schema, README: table, BASE / "callscribe.yaml": base}
"""Each file that is made, with what makes it."""
