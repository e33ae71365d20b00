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


def test_engines_are_compared_on_the_same_clips(tmp_path, capsys):
    path = tmp_path / "engines.json"
    assert asr.main(["--short", "--engines", "whisper", "--json", str(path)]) == 0
    (figures,) = record.read(path)["engines"].values()
    assert sum(wrong for wrong, _ in figures["errors"].values()) <= margins.SAME
    assert figures["final_cpu_ms_per_s"] > 0
    assert "whisper, heard in noise" in capsys.readouterr().out
