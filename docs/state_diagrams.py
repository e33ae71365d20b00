"""Draw the state machines of ARCHITECTURE.md from their transition tables.

``python docs/state_diagrams.py`` rewrites the diagrams in place.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from asr_worker import scheduler
from gateway.calls import state
from vad_worker import endpointer

ARCHITECTURE = Path(__file__).resolve().parent.parent / "ARCHITECTURE.md"


def mermaid(transitions: Iterable[tuple[str, str, str]], first: str) -> str:
    """Return a Mermaid state diagram of (from, trigger, to) names."""
    lines = [f"    {old} --> {new}: {trigger}" for old, trigger, new in transitions]
    return "\n".join(["```mermaid", "stateDiagram-v2", f"    [*] --> {first}", *lines, "```"])


def diagrams() -> dict[str, str]:
    """Return every diagram by the name of its place in the document."""
    endpoints = [(a.name, t.value, b.name) for (a, t), b in endpointer.TRANSITIONS.items()]
    decodes = [(a.name, t, b.name) for (a, t), b in scheduler.TRANSITIONS.items()]
    # Any call may also end early; that would hide the rest.
    calls = [
        (a.name, t.value, b.name)
        for (a, t), b in state.TRANSITIONS.items()
        if a is not b and (t is not state.Step.END or a is state.State.FINISHING)
    ]
    return {
        "call": mermaid(calls, state.State.OPENING.name),
        "endpointer": mermaid(endpoints, endpointer.State.IDLE.name),
        "scheduler": mermaid(decodes, scheduler.State.OPEN.name),
    }


def drawn(document: str) -> str:
    """Return the document with its diagrams as the code has them."""
    for name, diagram in diagrams().items():
        place = re.compile(f"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        document, found = place.subn(lambda m: f"{m[1]}{diagram}\n{m[2]}", document)  # noqa: B023
        assert found == 1, f"no place for {name}"
    return document


if __name__ == "__main__":
    ARCHITECTURE.write_text(drawn(ARCHITECTURE.read_text()))
