"""What no lint rule forbids."""

import ast
from collections.abc import Iterator

import pytest

from tests.unit.test_imports import PRODUCTION, ROOT

STARRED: frozenset[str] = frozenset()
"""Files that still have arguments in a starred tuple. The list only shrinks."""


def starred(tree: ast.AST) -> Iterator[int]:
    """Yield the lines of arguments that are spelled `*(a, b)`, which saves lines and hides names.

    Where a call needs more arguments than fit a line, its lines are what it costs, or it is split.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            for each in node.args:
                if isinstance(each, ast.Starred) and isinstance(each.value, ast.Tuple | ast.List):
                    yield each.lineno


def test_no_arguments_hide_in_a_starred_tuple():
    files = [
        path for each in (*PRODUCTION, "bench") for path in sorted((ROOT / each).rglob("*.py"))
    ]
    found = {
        str(path.relative_to(ROOT)) for path in files if [*starred(ast.parse(path.read_text()))]
    }
    assert found - STARRED == set()
    assert STARRED - found == set()


@pytest.mark.parametrize("call", ["f(*(a, b), c=1)", "f(a, *[b, c])", "f(\n*(a,), *(b, c))"])
def test_a_starred_tuple_is_found(call):
    assert [*starred(ast.parse(call))]


@pytest.mark.parametrize("call", ["f(*rest)", "f(*(each for each in rest))", "f(*[e for e in r])"])
def test_what_has_no_fixed_length_may_be_starred(call):
    assert not [*starred(ast.parse(call))]
