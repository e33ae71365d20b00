"""The states of a call, and what moves it from one to another. Pure.

OPENING    asked for: its audio is taken, Redis does not hold it yet
ENDING     still opening, and its end is known already
OPEN       Redis holds it, and this gateway owns it
WAITING    its connection broke: it waits for its client
FINISHING  the end of its audio is written, and its last results are awaited
ENDED      over, or another gateway's
"""

from collections.abc import Mapping
from enum import Enum, auto


class State(Enum):
    """The state of a call."""

    OPENING = auto()
    ENDING = auto()
    OPEN = auto()
    WAITING = auto()
    FINISHING = auto()
    ENDED = auto()


class Step(Enum):
    """What happens to a call."""

    STORED = "Redis holds it"
    FINISH = "finished, or hung up"
    LEAVE = "connection broke"
    END = "over"


TRANSITIONS: Mapping[tuple[State, Step], State] = {
    (State.OPENING, Step.STORED): State.OPEN,
    (State.OPENING, Step.FINISH): State.ENDING,
    (State.OPENING, Step.LEAVE): State.ENDING,
    (State.ENDING, Step.STORED): State.FINISHING,
    (State.ENDING, Step.FINISH): State.ENDING,
    (State.ENDING, Step.LEAVE): State.ENDING,
    (State.OPEN, Step.FINISH): State.FINISHING,
    (State.OPEN, Step.LEAVE): State.WAITING,
    (State.WAITING, Step.FINISH): State.FINISHING,
    (State.WAITING, Step.LEAVE): State.WAITING,
    (State.FINISHING, Step.FINISH): State.FINISHING,
    (State.FINISHING, Step.LEAVE): State.FINISHING,
    **{(state, Step.END): State.ENDED for state in State if state is not State.ENDED},
}

RUNNING = frozenset({State.OPEN, State.WAITING, State.FINISHING})
"""States in which Redis holds the call and this gateway owns it."""


class IllegalStep(Exception):
    """The step does not exist in this state: a bug."""


def after(state: State, step: Step) -> State:
    """Return the state after a step. Raises IllegalStep."""
    try:
        return TRANSITIONS[state, step]
    except KeyError:
        raise IllegalStep(f"{step.name} in {state.name}") from None
