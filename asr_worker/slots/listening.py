"""What of an expected answer a text has. Pure.

Only words are understood here, with the grammar of `asr_worker.spoken`. Whether they are an answer
is decided where results are read, over all utterances in which it is said.
"""

from collections.abc import Sequence

from asr_worker.slots.chosen import choice, decision
from asr_worker.slots.line import Line
from asr_worker.slots.spelled import spelled
from asr_worker.slots.values import address, amount, day
from common.expectation import Expectation, expectation
from common.pipeline.slot import Heard, Slot


def slot(expected: str, text: str, language: str | None, sure: Sequence[float] = ()) -> Slot | None:
    """Return what a text has of what is expected, None where nothing is.

    `sure` are the probabilities of the words that whitespace separates, empty if not known.
    """
    wanted = expectation(expected)
    if wanted is None or not text:
        return None
    line = Line(text, language, sure)
    return Slot(expected, heard(line, wanted), line.behind)


def heard(line: Line, wanted: Expectation) -> tuple[Heard, ...]:
    """Return what a text has of what is wanted, in the order of speech."""
    match wanted.kind:
        case "digits" | "alphanumeric" | "letters":
            return tuple(spelled(line, wanted.kind))
        case "yes_no":
            return tuple(decision(line))
        case "one_of":
            return tuple(choice(line, wanted.choices))
        case "email":
            return tuple(address(line))
        case "date":
            return tuple(day(line))
        case "amount":
            return tuple(amount(line))
