"""The benchmark of telephone audio, on two clips."""

import json

import pytest

from bench import narrowband


@pytest.mark.model_text
def test_both_forms_of_the_clips_are_heard(tmp_path, capsys):
    report = tmp_path / "report.json"
    assert narrowband.main(["--json", str(report)]) == 0
    figures = json.loads(report.read_text())
    assert figures["words"] == 11
    assert figures["wer_16k_percent"] == figures["wer_mulaw_8k_percent"] == 0
    assert figures["otherwise_percent"] == 0
