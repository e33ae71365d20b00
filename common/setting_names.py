"""The names of all services' settings, read from their sources: no service is imported for them.

The services are found through the entry point group `callscribe.settings`. Each entry names a
class whose fields are declared in its module; what they inherit is in `common.settings`.
"""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

ENTRY_POINT_GROUP = "callscribe.settings"


@cache
def entries() -> tuple[EntryPoint, ...]:
    """Return the entry point of every installed service, by its name."""
    # Sorted, because installers give entry points any order.
    return tuple(sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda each: each.name))


@cache
def declared() -> Mapping[str, frozenset[str]]:
    """Return the names of the settings that each service's own class declares."""
    return {each.name: frozenset(_fields(each)) for each in entries()}


def package_of(entry: EntryPoint) -> str:
    """Return the package of a service: the one that its `settings` is in."""
    return entry.module.rpartition(".")[0]


def source_of(module: str) -> Path:
    """Return the file of a module in an installed package, without importing either."""
    top, *below = module.split(".")
    spec = find_spec(top)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"No module named {top!r}", name=top)
    path = Path(spec.submodule_search_locations[0]).joinpath(*below)
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _fields(entry: EntryPoint) -> Iterator[str]:
    tree = ast.parse(source_of(entry.module).read_text(encoding="utf-8"))
    for node in tree.body:
        if not isinstance(node, ast.ClassDef) or node.name != entry.attr:
            continue
        for each in node.body:
            # `setting(…)` and what calls it: a field without a value is no setting.
            if isinstance(each, ast.AnnAssign) and isinstance(each.value, ast.Call):
                assert isinstance(each.target, ast.Name)
                yield each.target.id
