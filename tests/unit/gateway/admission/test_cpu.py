import time
from pathlib import Path

import pytest

from gateway.admission import cpu as busyness
from gateway.admission.cpu import CpuShare


def work(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_time_at_work_counts_and_time_at_rest_does_not():
    at_work = CpuShare()
    work(0.1)
    busy = at_work.share()
    time.sleep(0.3)
    assert busy > at_work.share()


@pytest.mark.parametrize("content", [None, "", "1 2"])
def test_where_the_kernel_does_not_tell_work_counts_all_the_same(monkeypatch, tmp_path, content):
    missing = Path(tmp_path, "schedstat")
    if content is not None:
        missing.write_text(content)
    monkeypatch.setattr(busyness, "_SCHEDSTAT", missing)
    at_work = CpuShare()
    work(0.05)
    assert at_work.share() > 0.0


def test_waiting_for_a_processor_is_time_at_work(monkeypatch, tmp_path):
    stat = Path(tmp_path, "schedstat")
    stat.write_text("1000000000 5000000000 9\n")
    now = 100.0
    monkeypatch.setattr(busyness, "_SCHEDSTAT", stat)
    monkeypatch.setattr(time, "monotonic", lambda: now)
    at_work = CpuShare()
    stat.write_text("1250000000 5500000000 12\n")
    now += 1.0
    assert at_work.share() == pytest.approx(0.75)
    now += 1.0
    assert at_work.share() == 0.0
