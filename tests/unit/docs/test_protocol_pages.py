"""Every protocol has a page of one form, a row in the table of all, and an example that is run."""

import re
from pathlib import Path

import pytest

from common.settings import definitions
from gateway.protocols import PROTOCOLS
from gateway.protocols.api import Protocol, Transport
from gateway.settings import GatewaySettings

ROOT = Path(__file__).resolve().parents[3]
HERE = ROOT / "docs" / "protocols"
TABLES = HERE / "README.md"
PAGES = sorted(path for path in HERE.glob("*.md") if path != TABLES)
HEADINGS = ["Connect", "Supported", "Not supported", "Limits and errors", "Example"]
RUNS = [
    path
    for kind in ("integration", "clients")
    for path in (ROOT / "tests" / kind).rglob("test_*.py")
]


def rows(number: int) -> dict[str, list[str]]:
    """Return a table's rows by the address in their second cell."""
    tables = re.findall(r"(?:^\|.*\n)+", TABLES.read_text(), re.MULTILINE)
    lines = tables[number].splitlines()[2:]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return {row[1].split("`")[1]: row for row in cells}


def address(protocol: Protocol) -> str:
    return str(protocol.usual_port) if protocol.port else protocol.path


@pytest.mark.parametrize("number", [0, 1])
def test_the_tables_have_a_row_for_each_protocol(number):
    assert [*rows(number)] == [address(each) for each in PROTOCOLS]


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_a_row_is_true_and_leads_to_the_page_that_tells_the_address(protocol):
    name, where, transport, *_ = rows(0)[address(protocol)]
    assert transport == {Transport.TCP: "TCP", Transport.WEBSOCKET: "WebSocket"}[protocol.transport]
    flag = definitions(GatewaySettings)[protocol.port].flag if protocol.port else ""
    assert flag in where
    link = re.fullmatch(r"\[.+\]\((\w+\.md)\)", name)
    assert link is not None
    page = (HERE / link[1]).read_text()
    assert address(protocol) in page
    assert flag in page
    assert rows(1)[address(protocol)][2] == ("yes" if protocol.resumable else "no")


def test_the_readme_leads_to_every_page():
    text = TABLES.read_text()
    assert [path.name for path in PAGES if f"]({path.name})" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_page_has_the_form_of_all(page):
    prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    assert re.findall(r"^## (.+)$", prose, re.MULTILINE) == HEADINGS


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_test_runs_the_example_of_a_page(page):
    _, _, example = page.read_text().partition("\n## Example\n")
    assert re.search(r"^(```|    )", example, re.MULTILINE), "no code"
    assert any(f'"{page.name}"' in path.read_text() for path in RUNS)
