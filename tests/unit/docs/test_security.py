"""The pages about security: every threat has a test that exists, every control its state."""

import re
from collections import Counter

import pytest

from tests.conftest import ROOT

DOCS = ROOT / "docs"
MODEL = (DOCS / "threat-model.md").read_text()
BASELINE = (DOCS / "security-baseline.md").read_text()
STRIDE = set("STRIDE")
STATES = ("met", "host", "not met")
LEVELS = {"Level 1": 24, "Level 2": 19}
"""Controls of version 2026.02.19."""


def rows(text, heading):
    """Return the cells of the tables below a heading, as far as the next of its kind."""
    _, _, rest = text.partition(f"\n## {heading}\n")
    lines = [line for line in rest.partition("\n## ")[0].splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    heads = {at - 1 for at, row in enumerate(cells) if set("".join(row)) <= set("-")}
    return [row for at, row in enumerate(cells) if at not in heads and at - 1 not in heads]


THREATS = rows(MODEL, "Threats")


@pytest.mark.parametrize("row", THREATS, ids=lambda row: row[1])
def test_every_threat_names_a_test_that_exists(row):
    kind, _, _, shown = row
    assert kind in STRIDE
    linked = re.findall(r"\[([^\]]+)\]\(([^)]+)\)", shown)
    assert linked
    for name, link in linked:
        path = (DOCS / link).resolve()
        assert path.is_relative_to(ROOT / "tests")
        assert path.stem == name
        text = path.read_text()
        assert "def test_" in text or "@attack(" in text


def test_every_kind_of_threat_is_thought_of():
    assert {row[0] for row in THREATS} == STRIDE
    assert {row[0] for row in rows(MODEL, "Open")} <= STRIDE


@pytest.mark.parametrize("level", LEVELS)
def test_every_control_has_its_state(level):
    controls = rows(BASELINE, level)
    names = [row[0] for row in controls]
    assert names == sorted(names)
    assert len({*names}) == LEVELS[level]
    assert all(re.fullmatch(r"OSPS-[A-Z]{2}-\d\d\.\d\d", name) for name in names)
    for name, _, state, why in controls:
        assert state in STATES, name
        assert why or state == "host", name


def test_the_sum_is_that_of_the_rows():
    found = {}
    for level in LEVELS:
        states = Counter(row[2] for row in rows(BASELINE, level))
        found[level.removeprefix("Level ")] = [str(states[state]) for state in STATES]
    assert {level: counts for level, *counts in rows(BASELINE, "Sum")} == found
