"""The engine's benchmark on three clips: complete, and no word lost, whatever a decode costs."""

import pytest

from bench import asr, record
from tests import margins

pytestmark = pytest.mark.model_text


def test_the_short_form_hears_every_clip(tmp_path, capsys):
    path = tmp_path / "asr.json"
    assert asr.main(["--short", "--json", str(path)]) == 0
    report = record.read(path)
    assert set(report["ways"]) >= set(asr.WINDOWS)
    assert report["ways"]["callscribe"]["words_unlike_full_window"] <= margins.SAME
    assert all(value > 0 for value in report["summary"].values())
    assert "transcribe, 30 s, beam 5" in capsys.readouterr().out
