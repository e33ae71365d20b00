"""docs/numbers.md shows what the code does."""

import re
from typing import get_args

import pytest

from asr_worker.spoken.rendering import rendered
from common.options import Numbers, Redacted
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "numbers.md").read_text()


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_the_table_of_numbers_is_what_is_written():
    head, _, *rows = re.search(r"(?:^\|.*\n)+", PAGE, re.MULTILINE)[0].splitlines()  # type: ignore[index]
    said = cells(head)[1:]
    shown = {cells(row)[0].strip("`"): cells(row)[1:] for row in rows}
    assert shown == {
        style: [rendered(text, style, frozenset()).text for text in said]
        for style in get_args(Numbers)
    }


@pytest.mark.parametrize("kind", get_args(Redacted))
def test_every_kind_of_secret_is_told(kind):
    assert f"| `{kind}` | `[" in PAGE
