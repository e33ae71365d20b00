"""Digits, and letters with or without them, as they are dictated."""

from collections.abc import Iterator
from typing import Literal, TypeAlias

from asr_worker.slots.line import Line
from asr_worker.spoken.codes import letter_of
from asr_worker.spoken.grammar import number
from asr_worker.spoken.tokens import Chunk, Kind
from common.pipeline.slot import Heard

Spelled: TypeAlias = Literal["digits", "alphanumeric", "letters"]
_SINGLE = frozenset({Kind.DIGIT, Kind.OH, Kind.REPEAT, Kind.FIGURE})
_TELLING = frozenset({"for", "as", "like"})
"""Words between a letter and one that begins with it."""


def spelled(line: Line, kind: Spelled) -> Iterator[Heard]:
    """Yield the groups of characters of this kind that are said one after the other."""
    at = 0
    while at < len(line.row.atoms):
        chunk = line.row.atoms[at].chunk
        found = list(_characters(line, at, kind))
        if found:
            yield from (group for group, _ in found)
            at = found[-1][1]
        elif (marked := line.mark(chunk)) is not None:
            yield marked[0]
            at = _atom_behind(line, at, marked[1])
        else:
            at += 1


def _characters(line: Line, at: int, kind: Spelled) -> Iterator[tuple[Heard, int]]:
    """Yield what the atoms from this one on spell, each with the atom behind it."""
    atom = line.row.atoms[at]
    if kind != "digits" and (letter := _letter(line, at, kind)):
        text, end = letter
        yield line.group(text, atom.chunk, line.row.atoms[end - 1].chunk + 1), end
    elif kind == "letters":
        return
    elif atom.kind in (Kind.SIGNED, Kind.CODE):
        text = "".join(filter(str.isalnum, atom.text)).upper()
        text = text if kind == "alphanumeric" else atom.digits
        yield line.group(text, atom.chunk, atom.chunk + 1), at + 1
    elif (said := number(line.row, at)) is not None:
        yield from _digits(line, said.first, said.end, said.digits)


def _digits(line: Line, first: int, end: int, digits: str) -> Iterator[tuple[Heard, int]]:
    """Yield the groups of a number: commas separate digits that are said one by one."""
    atoms = line.row.atoms[first:end]
    if not all(each.kind in _SINGLE for each in atoms):
        yield line.group(digits, atoms[0].chunk, atoms[-1].chunk + 1), end
        return
    text, sure = "", list[float]()
    for at, atom in enumerate(atoms, first):
        repeats = at > first and line.row.atoms[at - 1].kind is Kind.REPEAT
        said = atom.digits * (line.row.atoms[at - 1].value if repeats else 1)
        text += said
        sure += line.group(said, atom.chunk - repeats, atom.chunk + 1).sure or ()
        if line.chunks[atom.chunk].closing or at == end - 1:
            yield Heard(text, tuple(sure) or None), at + 1
            text, sure = "", []


def _letter(line: Line, at: int, kind: Spelled) -> tuple[str, int] | None:
    """Return the letters of an atom, and the atom behind it and what tells which letter it is."""
    atom, piece = line.row.atoms[at], line.chunks[line.row.atoms[at].chunk]
    written = piece.text[len(piece.lead) : len(piece.text) - len(piece.closing)]
    parts = written.split("-")
    if len(parts) > 1 and all(len(each) == 1 and each.isalpha() for each in parts):
        return "".join(parts).upper(), at + 1
    if written.isalpha() and written.isupper() and len(written) > 1:
        return written, at + 1
    if atom.kind is Kind.REPEAT and at + 1 < len(line.row.atoms):
        letter = letter_of(line.row.atoms[at + 1].text)
        return (letter * atom.value, at + 2) if letter else None
    # Among digits it is a zero.
    found = letter_of(piece.core) if atom.kind is not Kind.OH or kind == "letters" else None
    # "a" and "I" are words, too, unless other characters stand beside them.
    if piece.core in ("a", "i") and not any(
        0 <= beside < len(line.chunks) and _spells(line.chunks[beside])
        for beside in (atom.chunk - 1, atom.chunk + 1)
    ):
        return None
    return None if found is None else (found, _told(line, at, found))


def _told(line: Line, at: int, letter: str) -> int:
    """Return the atom behind a letter and "as in Bertha", if that follows."""
    texts = [each.text for each in line.row.atoms[at + 1 : at + 4]]
    if texts[:1] and texts[0] in _TELLING:
        example = 2 if texts[1:2] == ["in"] else 1
        if texts[example:] and texts[example].upper().startswith(letter):
            return at + 2 + example
    return at + 1


def _spells(piece: Chunk) -> bool:
    return piece.kind not in (Kind.WORD, Kind.AND) or letter_of(piece.core) is not None


def _atom_behind(line: Line, at: int, chunk: int) -> int:
    while at < len(line.row.atoms) and line.row.atoms[at].chunk < chunk:
        at += 1
    return at
