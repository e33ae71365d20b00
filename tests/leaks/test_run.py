"""What a call wants hidden is found nowhere: not on disk, in messages, in logs or on pages."""

from pathlib import Path

import pytest

from tests.leaks.calls import Setup
from tests.leaks.experiment import missing, run
from tests.leaks.report import judged, lines


async def nothing_leaks(setup: Setup, directory: Path) -> None:
    left = await run(setup, directory)
    verdict = judged(left)
    print(*lines(left, verdict), sep="\n")
    assert verdict.leaking == {}
    assert verdict.blind == []
    assert left.problems == []
    assert verdict.told >= 0.6 * verdict.planted


def test_what_is_not_written_is_named(tmp_path: Path):
    kept = [
        tmp_path / where / "2026" / name
        for where, name in (("sinks", "a.json"), ("sinks", "b.json"), ("recordings", "a.0.flac"))
    ]
    for each in (*kept, tmp_path / "recordings" / "2026" / "b.0.part"):
        each.parent.mkdir(parents=True, exist_ok=True)
        each.touch()
    assert missing(tmp_path, ["a"]) == ["recordings/2026/b.0.part is not finished"]
    (tmp_path / "recordings" / "2026" / "b.0.part").unlink()
    assert missing(tmp_path, ["a", "b"]) == ["there is no recordings/*/b.*"]
    assert missing(tmp_path, ["a"]) == []


@pytest.mark.timeout(600)
async def test_nothing_of_a_secret_is_left_anywhere(tmp_path: Path):
    setup = Setup(calls=12, faults=2, together=12, only=("asr.kill", "gateway.kill"), every=2.0)
    await nothing_leaks(setup, tmp_path)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", [7, 8])
async def test_nothing_is_left_of_many_calls_under_faults(tmp_path: Path, seed: int):
    setup = Setup(calls=150, faults=50, together=16, seed=seed)
    await nothing_leaks(setup, tmp_path)
