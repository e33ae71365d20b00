import json

import pytest

from callscribe.loadtest.report import figures, table
from callscribe.loadtest.scoring import Words
from callscribe.loadtest.tally import Failure, Tally

WORDS = Words(reference=200, wrong=6, missing=3, added=1, passages=10, lost_passages=1)


@pytest.fixture
def tally():
    tally = Tally()
    for number in range(100):
        tally.opened(number / 100, 0.01 * (number + 1))
        tally.latencies["endpoint_to_final"].add(10 + number / 10, 0.001 * (number + 1))
        tally.finals.add(10 + number / 10, 1)
    for number in range(99):
        tally.ended(30.0 + number / 100, None, 30.0)
    tally.ended(31.0, Failure(31.0, "s9", "the connection broke"), 15.0)
    tally.was_refused(2.5, 0.003, "vad_slots")
    tally.late(3.0, 0.02)
    return tally


def test_the_figures(tally):
    report = figures(tally, WORDS, seconds=31.5, cpu_s=3.0)
    json.dumps(report)
    assert report["latency_s"]["endpoint_to_final"] == {
        "count": 100,
        **{"p50": 0.05, "p95": 0.095, "p99": 0.099, "max": 0.1},
    }
    assert report["latency_s"]["partial_lag"] == {"count": 0}
    assert report["calls"]["most_up"] == 100
    assert report["calls"]["failed_calls"] == [
        {"at": 31.0, "session_id": "s9", "reason": "the connection broke"}
    ]
    assert report["words"]["wer"] == 0.05
    assert report["client"]["cpu_ms_per_call_second"] == 1.005
    assert not report["complete"]
    timeline = report["timeline"]
    assert {len(values) for values in timeline.values()} == {32}
    assert timeline["up"][0] == 100
    assert timeline["up"][-1] == 0
    assert timeline["finals"][10] == 10
    assert timeline["refusals"][2] == 1


def test_the_table(tally):
    text = table(figures(tally, WORDS, seconds=31.5, cpu_s=3.0))
    assert (
        "calls      100 opened in 500 ms (p95 950), 99 finished, 1 failed; at most 100 up" in text
    )
    assert "refused    1 in 3 ms (p95 3)\n           1 x vad_slots" in text
    assert "failed     1 x the connection broke" in text
    assert "words      5.0 % errors of 200: 6 wrong, 3 missing, 1 added; 1 of 10 passages" in text
    assert "     50       95       99      100  final, from the audio that decided the end" in text
    assert "first partial" not in text
    assert "up to 20 ms late" in text
    assert "MORE THAN" not in text


def test_it_says_when_this_side_was_the_slow_one(tally):
    tally.late(5.0, 0.25)
    tally.worst_held = 2.5
    text = table(figures(tally, Words(), seconds=31.5, cpu_s=3.0))
    assert "MORE THAN 100 ms LATE" in text
    assert "audio waited up to 2.5 s" in text
    assert "no passage with a reference" in text


def test_of_nothing_there_is_a_report_too(tmp_path):
    from callscribe.loadtest.plot import draw  # Matplotlib takes long to import

    report = figures(Tally(), Words(), seconds=0.0, cpu_s=0.0)
    assert "0 opened, 0 finished" in table(report)
    draw(Tally(), report, "nothing", tmp_path / "nothing.png")


@pytest.mark.parametrize(("name", "magic"), [("a.png", b"\x89PNG"), ("a.svg", b"<?xml")])
def test_the_picture(tally, tmp_path, name, magic):
    from callscribe.loadtest.plot import draw

    report = figures(tally, WORDS, seconds=31.5, cpu_s=3.0)
    draw(tally, report, "a load", tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(magic)
