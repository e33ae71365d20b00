"""Names are heard because they are expected, and not where they are not said."""

from shutil import which

import pytest

from bench import keyterms, record

pytestmark = [
    pytest.mark.model_text,
    pytest.mark.skipif(which("flite") is None, reason="the Debian package flite says the names"),
]


def test_keywords_bring_names_and_invent_none(tmp_path):
    path = tmp_path / "keyterms.json"
    assert keyterms.main(["--short", "--json", str(path)]) == 0
    rows = record.read(path)
    without, few, _ = (row["found"] for row in rows if row["names"])
    assert without + 3 <= few
    assert [row["invented"] for row in rows] == [0] * 5
    assert all(row["words"] and row["cpu_s_per_s"] > 0 for row in rows)
