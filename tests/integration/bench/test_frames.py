"""Both WebSocket servers receive every frame, whatever that costs on this machine."""

from pathlib import Path

from bench import frames, record


def test_both_receive_every_frame(tmp_path: Path, capsys):
    file = tmp_path / "frames.json"
    assert frames.main(["--connections", "3", "--frames", "5", "--json", str(file)]) == 0
    figures = record.read(file)
    assert figures["connections"] == 3
    assert figures["ours_us"] > 0
    assert figures["library_us"] > 0
    assert "ratio" in capsys.readouterr().out
