"""Yes or no, and one of a list."""

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher

from asr_worker.slots.line import Line
from common.pipeline.slot import Heard

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_NEAR = 0.8
"""The likeness (Ratcliff and Obershelp) from which words are taken for a choice heard otherwise."""
_YES: Mapping[str, str] = {
    "English": "yes yeah yep yup sure correct right absolutely ok okay certainly exactly",
    "Spanish": "sí si claro vale correcto exacto",
    "French": "oui ouais accord exact exactement",
    "Italian": "sì si certo esatto giusto",
    "German": "ja jawohl genau richtig stimmt",
    "Russian": "да конечно верно правильно",
}
_NO: Mapping[str, str] = {
    "English": "no nope nah not don't wrong never",
    "Spanish": "no nunca",
    "French": "non pas",
    "Italian": "no non",
    "German": "nein nee nicht",
    "Russian": "нет не",
}
_CORRECTS = ("sorry", "i mean", "perdón", "pardon", "scusi", "entschuldigung", "извините")
"""What corrects where `no` is an answer."""


def decision(line: Line) -> Iterator[Heard]:
    """Yield each yes and no."""
    known = {
        "yes": frozenset(_YES[line.language].split()),
        "no": frozenset(_NO[line.language].split()),
    }
    for at, word in enumerate(line.words):
        if word in _CORRECTS or " ".join(line.words[at : at + 2]) in _CORRECTS:
            yield Heard("", mark="corrects")
        for value, words in known.items():
            if word in words:
                yield line.group(value, at, at + 1)


def choice(line: Line, choices: Sequence[str]) -> Iterator[Heard]:
    """Yield each choice that is said; where none is, the one that the words are most like."""
    parts = [(part, at) for at, word in enumerate(line.words) for part in _parts(word)]
    wanted = sorted(choices, key=lambda each: -len(_parts(each)))
    at, found = 0, False
    waiting: list[Heard] = []
    while at < len(parts):
        said = next((c for c in wanted if _said(parts, at, _parts(c))), None)
        if said is not None:
            end = at + len(_parts(said))
            yield from waiting
            yield line.group(said, parts[at][1], parts[end - 1][1] + 1)
            at, found, waiting = end, True, []
        else:
            marked = line.mark(parts[at][1])
            waiting += [marked[0]] if marked and found else []
            at += 1
    if not found and (like := _nearest(parts, choices)) is not None:
        name, first, end = like
        yield line.group(name, first, end)


def _said(parts: Sequence[tuple[str, int]], at: int, wanted: Sequence[str]) -> bool:
    return [part for part, _ in parts[at : at + len(wanted)]] == list(wanted)


def _nearest(
    parts: Sequence[tuple[str, int]], choices: Sequence[str]
) -> tuple[str, int, int] | None:
    """Return the choice that some words are like, and their chunks; None if two are as good."""
    rated: dict[str, tuple[float, int, int]] = {}
    for each in choices:
        wanted = _parts(each)
        for at in range(len(parts) - len(wanted) + 1):
            words = parts[at : at + len(wanted)]
            said, spelled = "".join(part for part, _ in words), "".join(wanted)
            ratio = SequenceMatcher(None, said, spelled, autojunk=False).ratio()
            place = (ratio, words[0][1], words[-1][1] + 1)
            rated[each] = max(rated.get(each, place), place)
    ranked = sorted(rated.items(), key=lambda item: -item[1][0])
    if not ranked or ranked[0][1][0] < _NEAR:
        return None
    if len(ranked) > 1 and ranked[1][1][0] == ranked[0][1][0]:
        return None
    name, (_, first, end) = ranked[0]
    return name, first, end


def _parts(text: str) -> list[str]:
    return _WORD.findall(text.casefold().replace("’", "'"))
