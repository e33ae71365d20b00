"""Letters, codes and addresses that are spelled or said: `J O H N`, `bravo two`, `a dot b at c`."""

from collections.abc import Sequence

from asr_worker.spoken import english
from asr_worker.spoken.grammar import Row, number
from asr_worker.spoken.tokens import Atom, Kind

Found = tuple[str, int]
"""What is written, and the atom behind it."""

_SINGLES = frozenset({Kind.DIGIT, Kind.OH, Kind.REPEAT})


def code(row: Row, at: int) -> Found | None:
    """Return letters, and digits among them, that begin at an atom; None if they are words."""
    letters = digits = spelled = 0
    text, index = "", at
    while index < len(row.atoms) and (index == at or row.within(index)):
        found = _letter(row, index)
        if found is not None:
            letters += 1
            spelled += row.atoms[index].kind is Kind.WORD
        elif letters and row.glued[index] and row.atoms[index].kind in _SINGLES:
            found = _digits(row, index)
            digits += found is not None
        if found is None:
            break
        text, index = text + found[0], found[1]
    return (text, index) if _is_code(row, at, text, letters, digits, spelled) else None


def _is_code(row: Row, at: int, text: str, letters: int, digits: int, spelled: int) -> bool:
    """Whether it is no row of words: "A" and "I" are, and so are two words of the alphabet."""
    if letters + digits < 3:
        return letters == 2 and not spelled and row.glued[at + 1] and text[0] not in "AI"
    return letters >= (2 if digits or not spelled else 3)


def address(row: Row, at: int) -> Found | None:
    """Return an e-mail or web address that begins at an atom."""
    host = _host(row, at)
    if host is not None:
        return host
    local = _labels(row, at, english.CONNECTORS.keys() - {"at"})
    if local is None or row.word(local[1]) != "at":
        return None
    name, end = local
    host = _host(row, end + 1)
    return None if host is None else (f"{name}@{host[0]}", host[1])


def _host(row: Row, at: int) -> Found | None:
    found = _labels(row, at, {"dot", "dash", "hyphen"})
    if found is None or "." not in found[0]:
        return None
    return found if found[0].rpartition(".")[2] in english.TOP_DOMAINS else None


def _labels(row: Row, at: int, connectors: "Sequence[str] | set[str]") -> Found | None:
    """Return labels with the signs that are said between them."""
    first = _label(row, at)
    if first is None:
        return None
    text, end = first
    while (sign := row.word(end)) in connectors and (more := _label(row, end + 1)) is not None:
        text, end = text + english.CONNECTORS[sign] + more[0], more[1]
    return text, end


def _label(row: Row, at: int) -> Found | None:
    """Return a word, letters or digits, and those that go on with it."""
    text, index = "", at
    while index < len(row.atoms) and (index == at or row.glued[index]):
        atom = row.atoms[index]
        if atom.kind is Kind.WORD:
            if text or not _is_name(atom):
                break
            text, index = atom.text, index + 1
        elif atom.kind in (Kind.LETTER, Kind.CODE) or atom.text == "o":
            text, index = text + atom.text.lower(), index + 1
        elif (found := number(row, index)) is not None:
            text, index = text + found.digits, found.end
        else:
            break
    return (text, index) if text else None


def _is_name(atom: Atom) -> bool:
    return atom.text not in english.CONNECTORS and atom.text.isalnum()


def letter_of(core: str) -> str | None:
    """Return the letter that a chunk spells, alone or by a word of the phonetic alphabet."""
    if len(core) == 1 and core.isalpha():
        return core.upper()
    return english.NATO.get(core)


def _letter(row: Row, at: int) -> Found | None:
    """Return a letter, with the word that tells which it is."""
    atom = row.atoms[at]
    if atom.kind is Kind.WORD:
        letter = english.NATO.get(atom.text)
        return None if letter is None else (letter, at + 1)
    if atom.kind is not Kind.LETTER and atom.text != "o":
        return None
    letter = atom.text.upper()
    behind = at + 1
    if row.word(behind) == "for":
        behind += 1
    elif row.word(behind) == "as" and row.word(behind + 1) == "in":
        behind += 2
    else:
        return letter, at + 1
    example = row.word(behind)
    return (letter, behind + 1) if example.upper().startswith(letter) else (letter, at + 1)


def _digits(row: Row, at: int) -> Found | None:
    atom = row.atoms[at]
    if atom.kind is not Kind.REPEAT:
        return atom.digits, at + 1
    if row.kind(at + 1) not in (Kind.DIGIT, Kind.OH):
        return None
    return row.atoms[at + 1].digits * atom.value, at + 2
