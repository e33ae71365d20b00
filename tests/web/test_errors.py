"""docs/errors.md says what the JavaScript client makes of each code."""

import json
import re
import shutil
import subprocess

import pytest

from tests.conftest import ROOT
from tests.unit.docs.test_errors import CLOSES, CODES, code_of

CLOSING = ROOT / "clients" / "js" / "dist" / "closing.js"
PROGRAM = f"""
import {{ readFileSync }} from "node:fs";
import {{ closingFailure }} from "{CLOSING}";
const asked = JSON.parse(readFileSync(0, "utf8"));
const ends = ({{ close, code, said }}) => closingFailure(close, code, said)?.code ?? null;
console.log(JSON.stringify(asked.map(ends)));
"""

pytestmark = [
    pytest.mark.skipif(shutil.which("node") is None, reason="node is not on the PATH"),
    pytest.mark.skipif(not CLOSING.exists(), reason="`make web` has not built the package"),
]


def asked(row: list[str], *, said: bool) -> dict[str, object]:
    """Return how a connection ends by a row's first close code; close 0: the call goes on."""
    close = re.match(r"\d{4}", row[1])
    message = {"type": "error", "code": code_of(row), "message": "text"}
    return {
        "close": int(close[0]) if close else 0,
        "code": code_of(row),
        "said": message if said else None,
    }


def test_the_client_ends_with_the_codes_that_the_page_says():
    rows = [*CODES, *CLOSES]
    questions = [asked(row, said=row in CODES) for row in rows]
    node = ["node", "--input-type=module", "--eval", PROGRAM]
    answer = subprocess.run(
        node, input=json.dumps(questions), capture_output=True, text=True, check=True, timeout=60
    )
    codes = json.loads(answer.stdout)
    told = {
        code_of(row): "`warning` event" if not question["close"] else code and f"`{code}`"
        for row, question, code in zip(rows, questions, codes, strict=True)
    }
    assert {code_of(row): row[5] for row in rows} == {
        code: each or "no error" for code, each in told.items()
    }
