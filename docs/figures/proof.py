"""The table of a proof, as `callscribe prove --json` reports it."""

from collections.abc import Mapping
from typing import Any

from docs.figures.writing import number, read, recorded, table, wrapped

_PHASES = {"figure": "the figure", "surplus": "1.3 times as many"}


def proof() -> str:
    """Return what was found, and every load of it."""
    found = read("proof")["figures"]
    columns = ["", "calls", "s", "p95 of finals, ms", "p95 of partials, ms", "word errors"]
    columns += ["let in", "refused", ""]
    limits = " and ".join(map(number, found["limits"]))
    said = (
        f"It carries {number(found['calls'])} calls; the runs found {limits}. The calls are those"
        f" of {found['corpus']['name']}; the recogniser is the bundled {found['model']['engine']}."
    )
    rows = [_row(trial) for trial in found["trials"]]
    return recorded("proof", f"{wrapped(said)}\n\n{table(columns, rows)}")


def _row(trial: Mapping[str, Any]) -> list[str]:
    measured = trial["measured"]
    return [
        _PHASES.get(trial["phase"], trial["phase"]),
        number(trial["calls"]),
        number(trial["seconds"]),
        number(measured["final_ms"]),
        number(measured["partial_ms"]),
        f"{100 * measured['wer']:.1f} %",
        number(measured["most_up"]),
        number(measured["refused"]),
        "holds" if trial["held"] else "breaks",
    ]
