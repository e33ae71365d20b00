"""What a test uses is made while it runs, not when its file is read.

Between the two may be half an hour. A clock, an environment, a free port or a random number that is
read with the file is another in each process that shares the tests, and stale when a test uses it.
"""

import ast
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import ROOT

FORBIDDEN = frozenset(
    {
        *("time.time", "time.time_ns", "time.monotonic", "time.perf_counter", "monotonic"),
        *("datetime.now", "datetime.utcnow", "date.today"),
        *("os.environ", "os.getenv", "os.getpid", "os.urandom", "environ", "getenv"),
        *("free_ports", "socket.socket", "tempfile.mkdtemp"),
        *("uuid4", "uuid.uuid4", "token_hex", "token_bytes", "token_urlsafe"),
        *("rsa.generate_private_key", "ec.generate_private_key", "os.cpu_count"),
    }
)
DRAWN = ("random.", "secrets.", "np.random.")
SEEDED = ("np.random.default_rng", "random.Random")
"""What draws the same numbers each time, if it is used where it is made."""
WRITTEN = "os.environ.update"
"""A setting for the whole process, which must come before an import."""

Place = tuple[Path, str]


def dotted(node: ast.AST) -> str:
    """Return a name with its attributes, empty for any other expression."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""


def evaluated(nodes: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """Yield all that is evaluated with these nodes: not the body of a function."""
    left = [*nodes]
    while left:
        node = left.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            left += [*node.decorator_list, *node.args.defaults]
            left += [each for each in node.args.kw_defaults if each is not None]
        elif isinstance(node, ast.If) and dotted(getattr(node.test, "left", node)) == "__name__":
            left += node.orelse
        elif not isinstance(node, ast.Lambda):
            yield node
            left += ast.iter_child_nodes(node)


class Module:
    """A file of tests: its functions, and where its imported names of other such files are."""

    def __init__(self, tree: ast.Module) -> None:
        self.body = tree.body
        self.functions: dict[str, Sequence[ast.AST]] = {}
        self.imported: dict[str, Place] = {}
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                self.functions[node.name] = node.body
            elif isinstance(node, ast.ClassDef):
                for each in node.body:
                    if isinstance(each, ast.FunctionDef) and each.name == "__init__":
                        self.functions[node.name] = each.body
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests"):
                path = ROOT.joinpath(*(node.module or "").split(".")).with_suffix(".py")
                for name in node.names:
                    self.imported[name.asname or name.name] = path, name.name


@cache
def module(path: Path) -> Module:
    """Read a file, once."""
    return Module(ast.parse(path.read_text()))


def reads(
    nodes: Sequence[ast.AST], path: Path, seen: frozenset[Place] = frozenset()
) -> Iterator[str]:
    """Yield what these nodes of a file read that differs, also through functions they call."""
    here, every = module(path), [*evaluated(nodes)]
    held = {id(each.value) for each in every if isinstance(each, ast.Attribute)}
    for node in every:
        if isinstance(node, ast.Attribute | ast.Name) and id(node) not in held:
            name = dotted(node)
            if name.startswith("os.environ") and name != WRITTEN:
                yield "os.environ"
            elif name in FORBIDDEN or (name.startswith(DRAWN) and name not in SEEDED):
                yield name
        if isinstance(node, ast.Assign) and not seen:
            made = dotted(getattr(node.value, "func", node.value))
            if made in SEEDED:
                yield f"{made}, which several tests share"
        if isinstance(node, ast.Call) and (name := dotted(node.func)):
            place = here.imported.get(name, (path, name))
            if place not in seen and place[0].exists():
                body = module(place[0]).functions.get(place[1], ())
                yield from reads(body, place[0], seen | {place})


def test_nothing_is_made_with_the_file_that_differs_when_it_is_used():
    found = {
        str(path.relative_to(ROOT)): sorted({*reads(module(path).body, path)})
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if "node_modules" not in path.parts
    }
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "text",
    [
        "NOW = time.time()",
        '@pytest.mark.parametrize("nbf", [int(time.time()) + 600])\ndef test_it(nbf): ...',
        "def test_it(today=date.today()): ...",
        "class Call:\n    began = time.monotonic()",
        "if True:\n    LIMIT = 90 + int(os.environ.get('SOAK_S', 0))",
        "ENV = {**os.environ}",
        "def later():\n    return soon()\ndef soon():\n    return time.time() + 60\nLATE = later()",
        "class Now:\n    def __init__(self):\n        self.at = time.time()\nNOW = Now()",
        "PORT, = free_ports(1)",
        "RNG = np.random.default_rng(5)",
        "DICE = random.random()",
        "from tests.unit.test_collection import made\nPORT = made()",
    ],
)
def test_what_differs_is_found(tmp_path, text):
    path = tmp_path / "test_it.py"
    path.write_text(text)
    assert [*reads(module(path).body, path)]


def made() -> int:
    """Return what only the test above may not have."""
    from callscribe.local.child import free_ports

    return free_ports(1)[0]


@pytest.mark.parametrize(
    "text",
    [
        "def test_it():\n    assert time.time()",
        "NOISE = np.random.default_rng(3).normal(size=5)",
        "DICE = [random.Random(seed).random() for seed in range(3)]",
        "os.environ.update(HF_HUB_OFFLINE='1')",
        "later = lambda: time.time() + 60",
        "if __name__ == '__main__':\n    print(time.time())",
    ],
)
def test_what_is_the_same_or_made_in_the_test_is_not(tmp_path, text):
    path = tmp_path / "test_it.py"
    path.write_text(text)
    assert not [*reads(module(path).body, path)]
