"""Both Redis clients do the same to a real Redis, whatever that costs on this machine."""

from pathlib import Path

import uvloop

from bench import bus, record
from bench.redis_clients import measure


def test_both_clients_do_every_operation():
    rows = uvloop.run(measure(3, rounds=1))
    assert [row.operation for row in rows] == ["append", "read", "offer", "ask"]
    assert all(row.sessions == 3 for row in rows)
    assert all(each > 0 for row in rows for each in (*row.cpu, *row.wall, row.ratio))


def test_the_command_prints_both_and_writes_them(tmp_path: Path, capsys):
    file = tmp_path / "bus-clients.json"
    assert bus.main(["--clients", "--short", "--json", str(file)]) == 0
    printed = capsys.readouterr().out
    figures = record.read(file)
    assert [row["operation"] for row in figures] == ["append", "read", "offer", "ask"]
    for row in figures:
        assert f"{row['ratio']:.1f}" in printed
