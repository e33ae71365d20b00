from dataclasses import replace

import pytest

from bench.table import MARKS, PROCESSES, Figures, show


def _figures(sessions: int, factor: float) -> Figures:
    mark = MARKS[50]
    return Figures(
        sessions=sessions,
        workers=1,
        pattern="dense",
        message_ms=32,
        seconds=1.0,
        cpu={name: factor * each for name, each in zip(PROCESSES, mark.cpu, strict=True)},
        machine_percent=factor * mark.percent,
        v=(factor * mark.v[0], factor * mark.v[1]),
        r=(factor * mark.r[0], factor * mark.r[1]),
        late=0.0,
        expected=10,
        lost=0,
        unexpected=0,
        resident_mb={"redis": 10.0},
        redis_kb_per_session=100.0,
    )


def test_a_size_with_a_mark_is_compared_to_it():
    *_, ratio, _ = show([_figures(50, 2.0)], header=True).splitlines()
    numbers = ratio.replace("|", " ").split()
    assert numbers[0] == "ratio"
    assert all(float(number) == 2.0 for number in numbers[1:])


def test_a_size_without_a_mark_stands_alone():
    assert "mark" not in show([_figures(7, 1.0)], header=False)


@pytest.mark.parametrize("trouble", [{"late": 500.0}, {"lost": 1}, {"v": (float("nan"),) * 2}])
def test_a_run_that_did_not_keep_up_is_compared_to_nothing(trouble):
    shown = show([replace(_figures(50, 0.5), **trouble)], header=False)
    assert "fell behind" in shown
    assert "ratio" not in shown
