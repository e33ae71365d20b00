"""Writing the numbers of a stretch of speech in figures."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from asr_worker.spoken import english
from asr_worker.spoken.codes import address, code
from asr_worker.spoken.grammar import Form, Number, Row, decimals, number, row
from asr_worker.spoken.tokens import Chunk, Kind, atoms
from asr_worker.spoken.writing import Style, cardinal, ordinal, string

_TELEPHONE_FROM = 7
"""Digits behind a plus."""
_CURRENCIES = {"dollar": "$", "dollars": "$", "euro": "€", "euros": "€"}
_CENTS = frozenset({"cent", "cents"})
_POUNDS = frozenset({"pound", "pounds"})
_PENCE = frozenset({"pence", "penny", "p"})


class Piece(NamedTuple):
    """What is written for the chunks [first, end) of a text."""

    text: str
    first: int
    end: int


class _Written(NamedTuple):
    """What is written, and the atom behind it."""

    text: str
    end: int


def concerns(chunk: Chunk) -> bool:
    """Whether a chunk may be a part of what is written otherwise."""
    return (
        chunk.kind not in (Kind.WORD, Kind.AND)
        or chunk.core in english.NATO
        or chunk.core in english.CONNECTORS
    )


def pieces(chunks: Sequence[Chunk], first: int, before: str, style: Style) -> Iterator[Piece]:
    """Write the numbers of chunks in figures; other chunks stay.

    `first` is the index of the first chunk, `before` the core of the one before it.
    """
    line = row(atoms(chunks, first), chunks, first)
    at = 0
    while at < len(line.atoms):
        start = line.atoms[at].chunk
        previous = chunks[start - first - 1].core if start > first else before
        found = _found(line, at, previous, style)
        end = start + 1
        if found is not None:
            last = line.atoms[found.end - 1].chunk
            whole = found.end == len(line.atoms) or line.atoms[found.end].chunk > last
            if whole:
                opening, closing = chunks[start - first].lead, chunks[last - first].closing
                end = last + 1
                yield Piece(f"{opening}{found.text}{closing}", start, end)
        if end == start + 1 and (found is None or not whole):
            yield Piece(chunks[start - first].text, start, end)
        while at < len(line.atoms) and line.atoms[at].chunk < end:
            at += 1


def _found(line: Row, at: int, previous: str, style: Style) -> _Written | None:
    spelled = address(line, at) or code(line, at)
    if spelled is not None:
        return _Written(*spelled)
    if line.atoms[at].text == english.PLUS:
        return _telephone(line, at, style)
    said = number(line, at)
    if said is None:
        return None
    return (
        _time(line, said, previous)
        or _share(line, said, style)
        or _money(line, said, style)
        or _decimal(line, said)
        or _plain(line, said, previous, style)
    )


def _telephone(line: Row, at: int, style: Style) -> _Written | None:
    said = number(line, at + 1) if line.kind(at + 1) is not Kind.WORD else None
    if said is None or len(said.digits) < _TELEPHONE_FROM:
        return None
    return _Written(f"+{string(said.digits, style)}", said.end)


def _time(line: Row, said: Number, previous: str) -> _Written | None:
    clock = _clock(said)
    if clock is None:
        return None
    if line.word(said.end) == "o'clock":
        return _Written(f"{clock} o'clock", said.end + 1)
    if (meridiem := english.MERIDIEMS.get(line.word(said.end))) is not None:
        return _Written(f"{clock} {meridiem}", said.end + 1)
    letters = line.word(said.end), line.word(said.end + 1)
    if letters in (("A", "M"), ("P", "M")):
        return _Written(f"{clock} {''.join(letters)}", said.end + 2)
    if previous in english.CLOCK_CUES and ":" in clock:
        return _Written(clock, said.end)
    return None


def _clock(said: Number) -> str | None:
    """Return an hour, with its minutes if they are said; None of what is no time."""
    hour, *minutes = said.parts or (said.digits,)
    if len(hour) > 2 or not 1 <= int(hour) <= 12 or said.form in (Form.CARDINAL, Form.ORDINAL):
        return None
    if not minutes:
        return hour
    minute = "".join(minutes)
    if len(minute) != 2 or int(minute) > 59 or (len(minutes) > 1 and minutes[0] != "0"):
        return None
    return f"{hour}:{minute}"


def _share(line: Row, said: Number, style: Style) -> _Written | None:
    whole = _decimal(line, said) or _Written(_amount(said, style), said.end)
    if line.word(whole.end) == "percent":
        return _Written(f"{whole.text}%", whole.end + 1)
    if line.word(whole.end) == "per" and line.word(whole.end + 1) == "cent":
        return _Written(f"{whole.text}%", whole.end + 2)
    return None


def _money(line: Row, said: Number, style: Style) -> _Written | None:
    unit = line.word(said.end)
    sign = _CURRENCIES.get(unit, "£" if unit in _POUNDS else "")
    if not sign:
        return None
    whole, end = f"{sign}{_amount(said, style)}", said.end + 1
    smaller = _PENCE if sign == "£" else _CENTS
    behind = end + 1 if line.kind(end) is Kind.AND else end
    part = number(line, behind) if line.kind(behind) is not Kind.WORD else None
    if part is not None and part.form is Form.LONE and part.value < 100:
        if line.word(part.end) in smaller:
            return _Written(f"{whole}.{part.value:02}", part.end + 1)
        if behind == end and part.value >= 10 and not line.word(part.end):
            return _Written(f"{whole}.{part.value:02}", part.end)
    return None if sign == "£" else _Written(whole, end)


def _amount(said: Number, style: Style) -> str:
    return cardinal(said.value, style, amount=True)


def _decimal(line: Row, said: Number) -> _Written | None:
    if line.word(said.end) != english.POINT or said.form is Form.ORDINAL:
        return None
    found = decimals(line, said.end + 1)
    return None if found is None else _Written(f"{said.digits}.{found[0]}", found[1])


def _plain(line: Row, said: Number, previous: str, style: Style) -> _Written | None:
    match said.form:
        case Form.ORDINAL if said.value >= 10 or previous in english.MONTHS:
            return _Written(ordinal(said.value), said.end)
        case Form.STRING if said.digits != "0":
            return _Written(string(said.digits, style), said.end)
        case Form.CARDINAL:
            return _Written(cardinal(said.value, style), said.end)
        case Form.FIGURE if style == "digits" or said.end - said.first > 1:
            return _Written(
                cardinal(said.value, style) if said.digits[0] != "0" else said.digits, said.end
            )
        case Form.LONE if said.value >= 10 or previous in english.CUES:
            return _Written(str(said.value), said.end)
    return None
