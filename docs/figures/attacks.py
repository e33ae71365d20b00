"""The table of what attackers met, and what their neighbours noticed."""

from collections.abc import Mapping
from typing import Any

from docs.figures.writing import number, read, recorded, table, wrapped
from tests.attack.report import answers, size

_COLUMNS = (
    "attack",
    "sent",
    "what came back",
    "neighbours' finals, p95 ms",
    "words lost",
    "newcomers let in / refused",
    "gateway MB",
)
_MOST = 3


def attacks() -> str:
    """Return a table for each family of attacks."""
    figures = read("attacks")["figures"]["attacks"]
    families: dict[str, list[list[str]]] = {}
    for name, each in figures.items():
        families.setdefault(each["kin"], []).append([f"{each['about']} (`{name}`)", *_row(each)])
    harmful = sum(bool(each["broken"]) for each in figures.values())
    words = [each["words"] for each in figures.values()]
    said, lost = (sum(each[part] for each in words) for part in ("said", "lost"))
    seconds = max(each["seconds"] for each in figures.values())
    head = wrapped(
        f"{len(figures)} attacks of {number(seconds)} s, two neighbours, a newcomer each second."
        f" {len(figures) - harmful} kept every bound. The neighbours said {number(said)} words;"
        f" {lost or 'none'} were lost."
    )
    tables = [
        f"### {kin.capitalize()}\n\n{table(_COLUMNS, each)}" for kin, each in families.items()
    ]
    return recorded("attacks", "\n\n".join([head, *tables]))


def _row(each: Mapping[str, Any]) -> list[str]:
    before, during = (_ms(each["endpoint_to_final"][when]) for when in ("before", "during"))
    newcomers, memory = each["newcomers"], each["gateway_mb"]
    return [
        size(each["attacker"].get("sent", 0)),
        _met(each["attacker"]),
        f"{before} → {during}",
        number(each["words"]["lost"]),
        f"{number(newcomers['let in'])} / {number(newcomers['refused'])}",
        f"{number(memory['before'])}, {number(memory['peak'])}, {number(memory['after'])}",
    ]


def _met(attacker: Mapping[str, Any]) -> str:
    """Return the most frequent answers."""
    most = answers(attacker).most_common(_MOST)
    return ", ".join(f"`{name}` {number(n)}" for name, n in most) or "nothing"


def _ms(spread: Mapping[str, float]) -> str:
    return number(1e3 * spread["p95"]) if spread["n"] else "none"
