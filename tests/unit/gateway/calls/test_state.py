"""What moves a call from one state to another."""

import pytest

from gateway.calls.state import RUNNING, TRANSITIONS, IllegalStep, State, Step, after


def walk(*steps: Step) -> State:
    state = State.OPENING
    for step in steps:
        state = after(state, step)
    return state


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        ((), State.OPENING),
        ((Step.STORED,), State.OPEN),
        ((Step.STORED, Step.LEAVE), State.WAITING),
        ((Step.STORED, Step.LEAVE, Step.FINISH), State.FINISHING),
        ((Step.FINISH, Step.STORED), State.FINISHING),
        # A client that is lost before its call is open has nothing to resume.
        ((Step.LEAVE, Step.STORED), State.FINISHING),
        ((Step.STORED, Step.FINISH, Step.LEAVE), State.FINISHING),
    ],
)
def test_a_call_goes_its_way(steps, state):
    assert walk(*steps) is state


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("step", Step)
def test_a_step_is_in_the_table_or_a_bug(state, step):
    if (state, step) in TRANSITIONS:
        assert after(state, step) is TRANSITIONS[state, step]
    else:
        with pytest.raises(IllegalStep, match=f"{step.name} in {state.name}"):
            after(state, step)


def test_nothing_happens_to_a_call_that_is_over():
    assert not [state for state, _ in TRANSITIONS if state is State.ENDED]


def test_every_call_can_end_and_may_be_finished_or_left_until_then():
    for state in set(State) - {State.ENDED}:
        assert after(state, Step.END) is State.ENDED
        assert {(state, Step.FINISH), (state, Step.LEAVE)} <= TRANSITIONS.keys()


def test_only_what_was_stored_runs():
    assert {after(state, step) for state, step in TRANSITIONS if step is Step.STORED} <= RUNNING
    assert not RUNNING & {State.OPENING, State.ENDING, State.ENDED}
