"""What no lint rule forbids."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.docs.test_docs import AVOIDED
from tests.unit.test_imports import PRODUCTION, ROOT

PLAIN = [
    path
    for each in (*PRODUCTION, "bench", "deploy", "examples")
    for path in sorted((ROOT / each).rglob("*"))
    if path.suffix in {".py", ".lua"}
]
AVOIDED_IN_CODE = (
    *AVOIDED,
    *("at once", "so much", "so long", "anew", "afresh", "all the same"),
    *("anybody", "somebody", "everybody"),
    *("tak(?:e|es|ing) office", "sent away", "suspects?", "quarantine", "verdicts?", "errands?"),
    *("diverts?", "diverted", "heals", "obituary"),
)
"""Words that made docstrings and comments hard to read."""

LONGEST = 400
"""Lines of a file at most."""
TOO_LONG: frozenset[str] = frozenset()
"""Files that still have more. The list only shrinks."""
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


def test_no_file_is_too_long():
    long = {
        str(path.relative_to(ROOT))
        for path in PLAIN
        if len(path.read_text().splitlines()) > LONGEST
    }
    assert long - TOO_LONG == set()


def test_no_arguments_hide_in_a_starred_tuple():
    files = [
        path
        for each in (*PRODUCTION, "bench", "deploy")
        for path in sorted((ROOT / each).rglob("*.py"))
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


def comments(path: Path) -> Iterator[str]:
    """Yield the docstrings and comments of a source file, each in one line."""
    text = path.read_text()
    if path.suffix == ".lua":
        yield " ".join(line.lstrip("- ") for line in text.splitlines() if line.startswith("--"))
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(docstring))):
                yield " ".join(docstring.split())


def avoided(path: Path) -> list[str]:
    """Return the docstrings and comments of a source file that have a word to avoid."""
    words = re.compile(rf"\b(?:{'|'.join(AVOIDED_IN_CODE)})\b", re.IGNORECASE)
    return [text for text in comments(path) if words.search(text)]


def test_no_comment_has_a_word_to_avoid():
    assert {path: found for path in PLAIN if (found := avoided(path))} == {}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", '"""Close it for\ngood."""'),
        ("a.py", "x = 1  # all at once"),
        ("a.lua", "-- Waits for\n-- whoever comes."),
    ],
)
def test_a_word_to_avoid_is_found(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    assert avoided(path)
