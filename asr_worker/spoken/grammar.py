"""Which numbers a row of atoms says: cardinals, ordinals, and digits one after the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from asr_worker.spoken import foreign
from asr_worker.spoken.tokens import Atom, Chunk, Kind

_SINGLE = frozenset({Kind.DIGIT, Kind.OH, Kind.REPEAT})
_BELOW_HUNDRED = frozenset({Kind.DIGIT, Kind.TEEN, Kind.TENS})
_GROUPS_OF_ONE = 3
"""As many figures that the engine wrote apart are one number."""


class Form(Enum):
    """How a number is said."""

    LONE = auto()
    """One number below a hundred, in words."""
    CARDINAL = auto()
    """With a hundred or more in words."""
    ORDINAL = auto()
    STRING = auto()
    """Digits and short numbers one after the other: a year, a code, a telephone number."""
    FIGURE = auto()
    """As the engine wrote it, in figures."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number said by the atoms [first, end); `parts` are those that a STRING is made of."""

    form: Form
    first: int
    end: int
    digits: str
    parts: tuple[str, ...] = ()

    @property
    def value(self) -> int:
        """What it amounts to."""
        return int(self.digits)


@dataclass(frozen=True, slots=True)
class Row:
    """Atoms of neighbouring chunks. `glued[i]`: atom i may go on with the number before it.

    `sentences`: atoms behind the end of a sentence.
    """

    atoms: Sequence[Atom]
    glued: Sequence[bool]
    sentences: frozenset[int]

    def kind(self, index: int) -> Kind:
        """Return the kind of an atom that goes on with the number before; WORD of any other."""
        return (
            self.atoms[index].kind if index < len(self.atoms) and self.glued[index] else Kind.WORD
        )

    def word(self, index: int) -> str:
        """Return the text of an atom that goes on with what is before; empty of any other."""
        return self.atoms[index].text if index < len(self.atoms) and self.glued[index] else ""

    def within(self, index: int) -> bool:
        """Whether an atom is in the sentence of the one before."""
        return index not in self.sentences


def row(atoms: Sequence[Atom], chunks: Sequence[Chunk], first: int) -> Row:
    """Return the atoms as a row; `chunks` are theirs, and the first of these has index `first`.

    Nothing goes on over the end of a sentence, and over a comma only one digit after the other.
    Figures that were dictated are no sentences: "4. 5. 3."
    """
    glued = [False] * len(atoms)
    sentences = set()
    dictated = [False] * (len(atoms) + 1)
    for index in range(1, len(atoms)):
        before, here = atoms[index - 1], atoms[index]
        closing = chunks[before.chunk - first].closing
        if before.chunk == here.chunk or (not closing and not chunks[here.chunk - first].lead):
            glued[index] = True
        elif chunks[before.chunk - first].ends_sentence:
            dictated[index] = closing == "." and _is_figure(before) and _is_figure(here)
            sentences.add(index)
        else:
            glued[index] = _is_single(before) and _is_single(here)
    for index in sentences:
        glued[index] = dictated[index] and (dictated[index - 1] or dictated[index + 1])
    return Row(atoms, glued, frozenset(sentences))


def number(row: Row, at: int) -> Number | None:
    """Return the longest number that begins at an atom; None if none does."""
    found = _one(row, at)
    if found is None or found.form is Form.ORDINAL:
        return found
    parts = [found]
    while (more := _next(row, parts[-1].end)) is not None:
        parts.append(more)
    if not _is_string(row, parts):
        return found
    digits = tuple(each.digits for each in parts)
    if len(parts) == 1 and found.form is not Form.STRING:
        return found
    return Number(Form.STRING, at, parts[-1].end, "".join(digits), digits)


def decimals(row: Row, at: int) -> tuple[str, int] | None:
    """Return the digits behind a point, and the atom behind them."""
    digits, end = "", at
    while row.kind(end) in (Kind.DIGIT, Kind.OH):
        digits, end = digits + row.atoms[end].digits, end + 1
    if digits:
        return digits, end
    found = _small(row, at, first=False)
    if found is None or found[2]:
        return (row.atoms[at].digits, at + 1) if row.kind(at) is Kind.FIGURE else None
    return str(found[0]), found[1]


def _is_single(atom: Atom) -> bool:
    return atom.kind in _SINGLE or _is_figure(atom)


def _is_figure(atom: Atom) -> bool:
    return atom.kind is Kind.FIGURE and len(atom.text) == 1


def _is_string(row: Row, parts: Sequence[Number]) -> bool:
    """Whether these are one number; figures that the engine wrote apart may be several."""
    if any(part.form is Form.CARDINAL and part.value % 100 for part in parts[:-1]):
        return False
    figures = [part for part in parts if part.form is Form.FIGURE]
    if not figures:
        return True
    return len(parts) >= _GROUPS_OF_ONE or all(len(part.digits) == 1 for part in parts)


def _next(row: Row, at: int) -> Number | None:
    if row.kind(at) is Kind.WORD:
        return None
    found = _one(row, at)
    return None if found is None or found.form is Form.ORDINAL else found


def _one(row: Row, at: int) -> Number | None:
    """Return the number at an atom, without other numbers behind it."""
    atom = row.atoms[at]
    match atom.kind:
        case Kind.OH:
            return Number(Form.STRING, at, at + 1, "0")
        case Kind.REPEAT if row.kind(at + 1) in (Kind.DIGIT, Kind.OH):
            digits = row.atoms[at + 1].digits * atom.value
            return Number(Form.STRING, at, at + 2, digits, (digits,))
        case Kind.FIGURE:
            return _scaled(row, Number(Form.FIGURE, at, at + 1, atom.digits))
    return _cardinal(row, at)


def _scaled(row: Row, figure: Number) -> Number:
    """Return figures with the thousands that are said behind them."""
    if row.kind(figure.end) is Kind.SCALE and row.atoms[figure.end].value == 1000:
        digits = str(figure.value * 1000)
        return Number(Form.FIGURE, figure.first, figure.end + 1, digits)
    return figure


def _cardinal(row: Row, at: int) -> Number | None:
    """Return the number in words at an atom: hundreds and scales, the larger ones first."""
    total, end, smallest, plain = 0, at, 0, True
    while True:
        group = _hundreds(row, end, first=end == at)
        if group is None:
            break
        value, behind, ordinal = group
        scale = row.atoms[behind].value if row.kind(behind) is Kind.SCALE else 0
        if ordinal or not scale or (smallest and scale >= smallest):
            if smallest and value >= smallest:
                break
            plain = plain and behind - at <= 3 and value < 100
            return _found(row, at, behind, total + value, ordinal, plain)
        total, end, smallest, plain = total + value * scale, behind + 1, scale, False
        if row.kind(end) is Kind.AND and _begins_small(row, end + 1):
            end += 1
    return None if end == at else _found(row, at, _without_and(row, end), total, False, plain)


def _found(row: Row, at: int, end: int, value: int, ordinal: bool, plain: bool) -> Number:
    form = Form.ORDINAL if ordinal else Form.LONE if plain else Form.CARDINAL
    return Number(form, at, end, str(value))


def _without_and(row: Row, end: int) -> int:
    return end - 1 if row.atoms[end - 1].kind is Kind.AND else end


def _hundreds(row: Row, at: int, *, first: bool) -> tuple[int, int, bool] | None:
    """Return a value below 1000 (nineteen hundred: 10 000), its end, and if it is an ordinal."""
    small = _small(row, at, first=first)
    if small is None:
        return None
    value, end, ordinal = small
    if ordinal or row.kind(end) is not Kind.HUNDRED:
        if row.kind(end) is Kind.ORDINAL and row.atoms[end].value == 100 and not ordinal:
            return value * 100, end + 1, True
        return None if row.atoms[at].text == "A" and row.kind(end) is not Kind.SCALE else small
    value, end = value * 100, end + 1
    behind = end + 1 if row.kind(end) is Kind.AND else end
    rest = _small(row, behind, first=False)
    if rest is None or (behind == end and _goes_on(row, behind, rest[1])):
        return value, end, False
    return value + rest[0], rest[1], rest[2]


def _goes_on(row: Row, at: int, end: int) -> bool:
    """Whether a single digit is the first of several: "eight hundred, five five five"."""
    single = end - at == 1 and row.kind(at) is Kind.DIGIT
    return single and row.kind(end) in _SINGLE | _BELOW_HUNDRED


def _begins_small(row: Row, at: int) -> bool:
    return _small(row, at, first=False) is not None


def _small(row: Row, at: int, *, first: bool) -> tuple[int, int, bool] | None:
    """Return a number of 1 to 99 in words, its end, and whether it is an ordinal."""
    if at >= len(row.atoms) or not (first or row.glued[at]):
        return None
    atom = row.atoms[at]
    match atom.kind:
        case Kind.DIGIT | Kind.TEEN:
            return atom.value, at + 1, False
        case Kind.TENS:
            linked = row.word(at + 1) == foreign.LINK
            behind = at + 2 if linked else at + 1
            after = row.atoms[behind] if row.kind(behind) in (Kind.DIGIT, Kind.ORDINAL) else None
            if linked and atom.value == 60 and row.kind(behind) is Kind.TEEN:  # soixante et onze
                return atom.value + row.atoms[behind].value, behind + 1, False
            if after is not None and 0 < after.value < 10:
                return atom.value + after.value, behind + 1, after.kind is Kind.ORDINAL
            return atom.value, at + 1, False
        case Kind.ORDINAL if atom.value < 100:
            return atom.value, at + 1, True
        case Kind.LETTER if first and atom.text == "A" and _is_large(row, at + 1):
            return 1, at + 1, False
    return None


def _is_large(row: Row, at: int) -> bool:
    """Whether "a" before this is one: "a million" is an exclamation."""
    scale = row.kind(at) is Kind.SCALE and row.atoms[at].value == 1000
    return scale or row.kind(at) is Kind.HUNDRED
