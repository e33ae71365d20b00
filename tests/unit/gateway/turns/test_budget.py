from hypothesis import given
from hypothesis import strategies as st

from gateway.turns.budget import TURN, Budget, slow_lane


def test_live_audio_is_never_held():
    budget = Budget(slow_lane())
    assert not any(budget.spend(0.0001, 0.02 * n) for n in range(20_000))


def test_a_minute_of_audio_may_come_in_one_go():
    budget = Budget(slow_lane())
    assert not any(budget.spend(0.00001, 0.0) for _ in range(3_000))


def test_many_connections_over_their_budget_share_what_one_may_have():
    lane = slow_lane()
    crowd = [Budget(lane) for _ in range(20)]
    for budget in crowd:
        while not budget.spend(TURN, 0.0):
            pass
    due = dict.fromkeys(crowd, 0.0)
    served = 0.0
    for now in (0.001 * tick for tick in range(20_000)):
        for budget in crowd:
            if due[budget] <= now:
                served += TURN
                due[budget] = now + budget.spend(TURN, now)
    assert served / 20.0 < 20 * 0.01 + 0.08 + 0.02


def test_one_upload_alone_has_the_slow_lane_for_itself():
    budget, now, served = Budget(slow_lane()), 0.0, 0.0
    while now < 20.0:
        now += TURN + budget.spend(TURN, now)
        served += TURN
    assert served / now > 0.08


def test_a_process_that_was_stopped_is_nobodys_fault():
    assert Budget(slow_lane()).spend(60.0, 0.0) == 0.0


@given(st.integers(0, 125))
def test_pings_of_a_usual_client_are_no_flood_and_thousands_are(size):
    budget = Budget(slow_lane())
    assert not any(budget.trifle(size, 0.1 * n) for n in range(1_000))
    assert any(budget.trifle(size, 100.0) for _ in range(500))
