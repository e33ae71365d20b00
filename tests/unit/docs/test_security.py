"""The threat model names tests that exist."""

import re

from tests.conftest import ROOT

MODEL = ROOT / "docs" / "threat-model.md"


def rows(heading):
    """Return the cells of the tables below a heading, as far as the next of its kind."""
    _, _, rest = MODEL.read_text().partition(f"\n## {heading}\n")
    lines = [line for line in rest.partition("\n## ")[0].splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    heads = {at - 1 for at, row in enumerate(cells) if set("".join(row)) <= set("-")}
    return [row for at, row in enumerate(cells) if at not in heads and at - 1 not in heads]


def test_every_threat_names_a_test_that_exists():
    threats = rows("Threats")
    assert {kind for kind, *_ in threats} == set("STRIDE")
    for _, threat, _, shown in threats:
        linked = re.findall(r"\[([^\]]+)\]\(([^)]+)\)", shown)
        assert linked, threat
        for name, link in linked:
            path = (MODEL.parent / link).resolve()
            assert path.is_relative_to(ROOT / "tests"), threat
            assert path.stem == name
            text = path.read_text()
            assert "def test_" in text or "@attack(" in text, threat
