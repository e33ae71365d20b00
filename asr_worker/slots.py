"""What a caller was asked for, in what was said: digits, codes, yes or no, one of a list. Pure.

Digits and letters are those of `asr_worker.spoken`, so words for them are known in English alone;
of other languages figures count. A correction replaces as much as it says: "four five six, no,
seven" is 457.
"""

import re
from collections.abc import Mapping, Sequence

from asr_worker.spoken.codes import letter_of
from asr_worker.spoken.grammar import Row, number, row
from asr_worker.spoken.tokens import Chunk, Kind, atoms, chunks
from common.expectation import Expectation
from common.pipeline.slot import Slot

_CORRECTIONS = frozenset({"no", "sorry", "correction", "wait", "rather"})
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_YES: Mapping[str | None, str] = {
    "English": "yes yeah yep yup sure correct right absolutely ok okay certainly exactly",
    "Spanish": "sí si claro vale correcto exacto",
    "French": "oui ouais accord exact exactement",
    "Italian": "sì si certo esatto giusto",
    "German": "ja jawohl genau richtig stimmt",
    "Russian": "да конечно верно правильно",
}
_NO: Mapping[str | None, str] = {
    "English": "no nope nah not don't wrong never",
    "Spanish": "no nunca",
    "French": "non pas",
    "Italian": "no non",
    "German": "nein nee nicht",
    "Russian": "нет не",
}


def slot(text: str, language: str | None, wanted: Expectation) -> Slot:
    """Return what of the wanted was said; its value is empty for nothing."""
    match wanted.kind:
        case "digits" | "alphanumeric":
            value = _spelled(text, letters=wanted.kind == "alphanumeric")
            longest = wanted.lengths[-1] if wanted.lengths else 0
            valid = bool(value) and (not wanted.lengths or len(value) in wanted.lengths)
            return Slot(wanted.kind, value, valid=valid, complete=valid and len(value) == longest)
        case "yes_no":
            return _only(wanted.kind, _decided(text, language))
        case "one_of":
            said = f" {' '.join(_words(text))} "
            found = [each for each in wanted.choices if f" {' '.join(_words(each))} " in said]
            # "credit card" is not also "card".
            longest_of = [
                each
                for each in found
                if not any(each != other and each.casefold() in other.casefold() for other in found)
            ]
            return _only(wanted.kind, longest_of)


def _only(kind: str, found: Sequence[str]) -> Slot:
    """Return a slot of the one thing that was said; of several none counts."""
    value = found[0] if len(found) == 1 else ""
    return Slot(kind, value, valid=bool(value), complete=bool(value))


def _decided(text: str, language: str | None) -> list[str]:
    words = _words(text)
    found = []
    for value, known in (("yes", _YES), ("no", _NO)):
        if not frozenset(known.get(language, known["English"]).split()).isdisjoint(words):
            found.append(value)
    return found


def _words(text: str) -> list[str]:
    return [each.replace("’", "'") for each in _WORD.findall(text.casefold())]


def _spelled(text: str, *, letters: bool) -> str:
    """Return the digits, and with `letters` the letters, that a text spells."""
    pieces = chunks(text)
    line = row(atoms(pieces), pieces, 0)
    said, at, corrects = "", 0, False
    while at < len(line.atoms):
        found, end = _characters(line, at, pieces, letters=letters)
        if found:
            said = said[: len(said) - len(found)] + found if corrects else said + found
            corrects = False
        elif line.atoms[at].text.lower() in _CORRECTIONS:
            corrects = bool(said)
        at = end
    return said


def _characters(line: Row, at: int, pieces: Sequence[Chunk], *, letters: bool) -> tuple[str, int]:
    """Return what the atoms from this one on spell, empty for nothing, and the atom behind it."""
    atom = line.atoms[at]
    if letters and (letter := _letter(line, at, pieces)):
        return letter, at + 1
    if atom.kind in (Kind.SIGNED, Kind.CODE):
        if letters:
            return "".join(filter(str.isalnum, atom.text)).upper(), at + 1
        return atom.digits, at + 1
    said = number(line, at)
    return (said.digits, said.end) if said is not None else ("", at + 1)


def _letter(line: Row, at: int, pieces: Sequence[Chunk]) -> str:
    atom, piece = line.atoms[at], pieces[line.atoms[at].chunk]
    written = piece.text[len(piece.lead) : len(piece.text) - len(piece.closing)]
    if written.isalpha() and written.isupper() and len(written) > 1:
        return written
    found = letter_of(piece.core) if atom.kind is not Kind.OH else None
    # "a" and "I" are words, too, unless other characters stand beside them.
    if piece.core in ("a", "i") and not any(
        0 <= beside < len(pieces) and _spells(pieces[beside])
        for beside in (atom.chunk - 1, atom.chunk + 1)
    ):
        return ""
    return found or ""


def _spells(piece: Chunk) -> bool:
    return piece.kind not in (Kind.WORD, Kind.AND) or letter_of(piece.core) is not None
