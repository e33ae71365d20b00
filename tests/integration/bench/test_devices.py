"""The benchmarks' form for devices, on the CPU: every figure, and answers like numpy's."""

import pytest

from bench import denoise, record, vad

pytest.importorskip("torch", reason="devices are torch's: make test-vllm has it")

STATES = {vad: 320 * 4, denoise: 7046 * 4}
"""Bytes of a leg's row: of denoise with its two options."""


def test_a_device_that_is_not_there_is_named(monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert vad.main(["--device", "cuda"]) == 2
    assert "finds no CUDA device here" in capsys.readouterr().err


@pytest.mark.parametrize("benchmark", [vad, denoise], ids=["vad", "denoise"])
def test_the_short_form_writes_every_figure(benchmark, tmp_path, capsys):
    report = tmp_path / "device.json"
    flags = ["--device", "cpu", "--short", "--json", str(report)]
    assert benchmark.main(flags) == 0
    (row,) = record.read(report)
    assert (row["device"], row["legs"]) == ("cpu", 40)
    for name in ("tick_ms", "legs_per_device", "numpy_legs_per_core", "up", "down"):
        assert row[name] > 0
    assert row["tick_p95_ms"] >= row["tick_ms"]
    assert row["saved"] == STATES[benchmark]
    assert row["apart"] < 1e-4
    assert len(capsys.readouterr().out.splitlines()) == 2
