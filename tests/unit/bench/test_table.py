from dataclasses import replace

import pytest

from bench.table import PROCESSES, Figures, beside, costs, followed, ratios, show


def _figures(sessions: int, factor: float, *, bare: bool = False) -> Figures:
    return Figures(
        sessions=sessions,
        workers=1,
        pattern="dense",
        message_ms=32,
        seconds=1.0,
        cpu={name: factor * (place + 1) for place, name in enumerate(PROCESSES)},
        machine_percent=17.0,
        v=(9.4, 19.7),
        r=(10.1, 21.0),
        late=0.0,
        expected=10,
        lost=0,
        unexpected=0,
        resident_mb={"redis": 10.0},
        redis_kb_per_session=100.0,
        bare=bare,
    )


def test_a_run_of_the_bare_chain_is_called_so():
    ours, bare = show([_figures(50, 1.0), _figures(50, 1.0, bare=True)], header=False).splitlines()[
        ::2
    ]
    assert "bare" not in ours
    assert "50 bare |" in bare


def test_ours_is_compared_to_the_bare_chain_with_as_many_calls():
    rows = [_figures(50, factor, bare=bare) for factor, bare in ((1, True), (3, False))]
    rows += [_figures(200, factor, bare=bare) for factor, bare in ((2, True), (3, False))]
    found = ratios(rows)
    assert list(found) == [50, 200]
    assert set(found[50].values()) == {3.0}
    assert set(found[200].values()) == {1.5}
    assert beside(rows).splitlines()[1].split() == ["50", "|", *["3.00"] * len(PROCESSES)]


def test_the_median_of_several_runs_counts():
    rows = [_figures(50, 1.0, bare=True), *(_figures(50, factor) for factor in (2.0, 9.0, 4.0))]
    assert set(ratios(rows)[50].values()) == {4.0}


@pytest.mark.parametrize("trouble", [{"late": 500.0}, {"v": (float("nan"),) * 2}])
def test_a_run_that_did_not_keep_up_is_compared_to_nothing(trouble):
    late = replace(_figures(50, 0.5), **trouble)
    assert "fell behind" in show([late], header=False)
    assert ratios([late, _figures(50, 1.0, bare=True)]) == {}


def test_a_run_that_lost_something_says_so():
    assert "fell behind" in show([replace(_figures(50, 0.5), lost=1)], header=False)


def test_a_follower_costs_what_calls_without_one_do_not():
    alone = replace(_figures(100, 1.0), resident_mb={"gateway": 80.0})
    readers = replace(_figures(100, 1.5), follower="sse", told=2.0, resident_mb={"gateway": 82.0})
    (cost,) = costs([alone, readers]).values()
    assert (cost.times, cost.event_us, cost.kb) == (1.5, 250.0, 20.0)
    assert followed([alone, readers]).splitlines()[1:] == [
        "     100 | sse       CPU 1.50 times, 250 us an event, 20 kB"
    ]
    assert costs([readers]) == {}
