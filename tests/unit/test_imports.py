"""No module needs itself: what imports what, read from the source, has no circle.

An import that only a type checker sees counts, and so does one inside a function: a circle of
either kind is two files that can only be understood together.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = ("common", "gateway", "vad_worker", "denoise_worker", "asr_worker", "callscribe")
PACKAGES = (*PRODUCTION, "bench", "deploy", "docs", "tests")

IN_A_CIRCLE: frozenset[str] = frozenset()
"""Modules that are still in one."""

RELATIVE_IMPORT = re.compile(r"""(?:from|import\()\s*"(\.[^"]+)\.js\"""")

Graph = Mapping[str, frozenset[str]]


def sources() -> dict[str, Path]:
    """Every module of the repository by its dotted name."""
    named = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            named[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return named


def imported(tree: ast.AST) -> Iterator[tuple[str, str | None]]:
    """Yield (module, name) for every import anywhere in a source; no name for `import module`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((each.name, None) for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", each.name) for each in node.names)


def needs(tree: ast.AST, modules: Iterable[str]) -> frozenset[str]:
    """Return those of `modules` that a source imports; a name of a package may be a module."""
    known = frozenset(modules)
    named = ((f"{module}.{name}", module) for module, name in imported(tree))
    return frozenset(next((each for each in pair if each in known), "") for pair in named) - {""}


def typescript() -> dict[str, frozenset[str]]:
    """What each module of the JavaScript client and the page imports, types included, by path."""
    needed = {}
    for folder in ("js", "page"):
        for path in sorted((ROOT / "clients" / folder / "src").rglob("*.ts*")):
            named = RELATIVE_IMPORT.findall(path.read_text())
            targets = [(path.parent / each).resolve().with_suffix("") for each in named]
            needed[str(path.with_suffix(""))] = frozenset(map(str, targets)) - {str(path)}
    return {name: others & needed.keys() for name, others in needed.items()}


def graph(trees: Mapping[str, ast.AST]) -> dict[str, frozenset[str]]:
    return {name: needs(tree, trees) - {name} for name, tree in trees.items()}


def circles(needed: Graph) -> set[frozenset[str]]:
    """Return the sets of modules that all need each other (Tarjan, SIAM J. Comput. 1972)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    path: list[str] = []
    found: set[frozenset[str]] = set()

    def visit(name: str) -> None:
        order[name] = lowest[name] = len(order)
        path.append(name)
        for other in needed[name]:
            if other not in order:
                visit(other)
            if other in path:
                lowest[name] = min(lowest[name], lowest[other])
        if lowest[name] == order[name]:
            start = path.index(name)
            if len(path) - start > 1:
                found.add(frozenset(path[start:]))
            del path[start:]

    for name in needed:
        if name not in order:
            visit(name)
    return found


def test_there_is_no_circle_but_the_known_ones():
    trees = {name: ast.parse(path.read_text()) for name, path in sources().items()}
    found = circles(graph(trees))
    unknown = [sorted(circle) for circle in found if not circle <= IN_A_CIRCLE]
    assert unknown == []
    assert IN_A_CIRCLE - frozenset().union(*found) == set()


def test_no_module_in_typescript_needs_itself():
    assert len(typescript()) > 100
    assert circles(typescript()) == set()


@pytest.mark.parametrize(
    "importing",
    [
        "import one.b",
        "from one import b",
        "from one.b import name",
        "if TYPE_CHECKING:\n    from one.b import name",
        "def later():\n    from one import b",
    ],
)
def test_a_circle_is_found_however_it_is_written(importing):
    written = {"one": "", "one.a": importing, "one.b": "from one import c", "one.c": "import one.a"}
    trees = {name: ast.parse(text) for name, text in written.items()}
    assert circles(graph(trees)) == {frozenset({"one.a", "one.b", "one.c"})}


def test_a_package_that_shows_what_its_modules_hold_is_no_circle():
    written = {"one": "from one.a import name", "one.a": "from one.b import name", "one.b": ""}
    trees = {name: ast.parse(text) for name, text in written.items()}
    assert circles(graph(trees)) == set()
