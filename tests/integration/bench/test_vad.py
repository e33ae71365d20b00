"""The VAD benchmark's figures: complete, and ours the same as the official model's."""

import pytest

from bench import record, vad


def test_the_short_form_writes_every_figure(tmp_path, capsys):
    report = tmp_path / "vad.json"
    assert vad.main(["--short", "--json", str(report)]) == 0
    rows = record.read(report)
    assert [(row["batch"], row["way"]) for row in rows] == [
        (batch, way) for batch in (1, 64) for way in (vad.BASELINE, vad.BATCHED, vad.OURS)
    ]
    assert all(row["microseconds"] > 0 and row["legs_per_core"] > 0 for row in rows)
    assert [row["ratio"] for row in rows if row["way"] == vad.BASELINE] == [1, 1]
    assert max(row["apart"] for row in rows) < 1e-4
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(rows)


def test_torch_script_says_the_same():
    pytest.importorskip("torch", reason="TorchScript needs PyTorch: make test-vllm has it")
    figures = vad.measure(2, 24, jit=True)
    assert [row.way for row in figures] == [vad.BASELINE, vad.BATCHED, vad.JIT, vad.OURS]
    assert max(row.apart for row in figures) < 1e-4
