"""docs/errors.md has every code of docs/protocol.md, and what the Python client makes of it."""

import re

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.frames import Close
from websockets.http11 import Response

from callscribe.client.dialling import closing_error, rejection
from callscribe.client.errors import ServerError
from callscribe.client.messages import Error
from gateway.admission.handshake import OWN_DOING
from tests.conftest import ROOT

ERRORS, PROTOCOL = ((ROOT / "docs" / name).read_text() for name in ("errors.md", "protocol.md"))
DENIED = "The key or token does not do"
BY_CODE = (
    "The client's program is wrong",
    "The call cannot go on",
    DENIED,
    "The server has no room, or is about to end",
)
CLOSED = "Closed without an error message"
REFUSED = "Refused before the WebSocket opens"

Row = list[str]


def tables(page: str, title: str) -> list[list[Row]]:
    """Return each table of a section as rows of cells; headings are left out."""
    _, _, rest = page.partition(f"\n## {title}\n")
    assert rest, f"the page has no section {title}"
    blocks = re.findall(r"(?:^\|.*\n?)+", rest.partition("\n## ")[0], re.MULTILINE)
    rows = [[line.split("|")[1:-1] for line in block.splitlines()] for block in blocks]
    return [[[cell.strip() for cell in row] for row in table[2:]] for table in rows]


def code_of(row: Row) -> str:
    return row[0].strip("`")


CODES = [row for title in BY_CODE for row in tables(ERRORS, title)[0]]
CLOSES = tables(ERRORS, CLOSED)[0]


def test_the_codes_are_those_of_the_protocol():
    told = tables(PROTOCOL, "Errors")[0]
    assert sorted(row[:2] for row in CODES) == sorted(row[:2] for row in told)


def test_the_reasons_of_a_close_are_those_of_the_protocol():
    told = tables(PROTOCOL, "Errors")[1]
    assert [row[:2] for row in CLOSES] == [row[:2] for row in told]


def test_the_reasons_of_a_refusal_are_those_of_the_protocol():
    rows, told = tables(ERRORS, REFUSED)[0], tables(PROTOCOL, "Errors")[2]
    assert [name for row in rows for name in re.findall(r"`(\w+)`", row[0])] == [
        name for row in told for name in re.findall(r"`(\w+)`", row[0])
    ]
    assert {row[0].strip("`") for row in rows if row[1] == "429"} == {*OWN_DOING}
    assert {row[1] for row in rows} == {"429", "503"}


def test_the_reasons_of_a_denial_are_those_of_the_protocol():
    told, rows = tables(PROTOCOL, "Errors")[3], tables(ERRORS, DENIED)[1]
    assert [row[:2] for row in rows] == [row[:2] for row in told]


@pytest.mark.parametrize("row", tables(ERRORS, DENIED)[1], ids=code_of)
def test_python_raises_for_a_denial_what_the_page_says(row):
    body = f"refused: {code_of(row)}: text\n".encode()
    answer = Response(int(row[1]), "", Headers(), body)
    failure = rejection("ws://host", InvalidStatus(answer))
    assert type(failure) is ServerError
    assert (failure.code, str(failure)) == (code_of(row), f"text ({code_of(row)})")
    assert all(row)


def python_raises(code: str, closes: str, *, said: bool) -> str:
    """Return what the Python client raises for the first close code, as the page has it."""
    close = re.match(r"\d{4}", closes)
    if close is None:
        return "`Error` event"
    ended = ConnectionClosedError(Close(int(close[0]), code), None)
    error = Error.from_wire({"type": "error", "code": code, "message": "text"}) if said else None
    failure = closing_error(ended, error)
    return "no error" if failure is None else f"`{type(failure).__name__}`"


@pytest.mark.parametrize("row", CODES, ids=code_of)
def test_python_raises_for_a_code_what_the_page_says(row):
    assert row[4] == python_raises(code_of(row), row[1], said=True)


@pytest.mark.parametrize("row", CLOSES, ids=code_of)
def test_python_raises_for_a_close_what_the_page_says(row):
    assert row[4] == python_raises(code_of(row), row[1], said=False)


@pytest.mark.parametrize("row", [*CODES, *CLOSES], ids=code_of)
def test_every_row_has_a_cause_and_a_remedy(row):
    assert len(row) == 6
    assert all(row)
