"""The vLLM benchmark in its short form: everything it says of itself, not how fast it was."""

import subprocess
import sys

from bench import record


def test_the_short_form_ends_well(tmp_path):
    report = tmp_path / "figures.json"
    command = [sys.executable, "-m", "bench", "gpu", "--short", "--json", str(report)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    figures = record.read(report)
    runs = {row["way"]: row for row in figures["sessions"]}
    assert set(runs) == {"ours", "one clip", "blocking"}
    assert all(row["first"]["p50"] > 0 for row in runs.values())
    assert all(row["failed"] == row["unfinished"] == 0 for row in runs.values())
    # 30 s are three closed windows, found in the cache; one clip is new each time.
    (_, long) = figures["costs"]
    assert long["ours_cached_percent"] > 40 > 5 > long["single_cached_percent"]
    burst = figures["burst"]
    assert burst["cancelled"] > 0
    assert burst["unfinished"] == 0
