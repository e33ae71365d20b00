"""Numbers of accounts and people that have letters, however they are cut: the chunks they fill."""

import re
from collections.abc import Iterator, Sequence

from asr_worker.spoken.codes import letter_of
from asr_worker.spoken.segments import is_filler
from asr_worker.spoken.tokens import Chunk, Kind, atoms

WRITTEN = frozenset({Kind.FIGURE, Kind.SIGNED, Kind.CODE})
"""What a recogniser wrote in figures."""

_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
_PERSON = re.compile(
    r"(?<![A-Z0-9])(?:[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]"  # codice fiscale
    r"|[A-Z]{2}\d{6}[A-D]|\d{8}[A-Z]|[XYZ]\d{7}[A-Z]"  # National Insurance, DNI, NIE
    r"|\d{8}[A-Z]\d{3})(?![A-Z0-9])"  # Sozialversicherungsnummer
)
"""Numbers of people that have letters. A recogniser may mishear one sign, so none is checked."""
PERSON_DIGITS = {
    "French": (13, 15),  # numéro de sécurité sociale
    "German": (11,),  # Steuer-Identifikationsnummer
    "Russian": (11, 12),  # СНИЛС, ИНН
}
"""Their lengths where they have none; of the United States and Canada in all other languages."""


def accounts(chunks: Sequence[Chunk], segment: range) -> Iterator[tuple[int, int]]:
    """Yield first chunk and end of each international account number in a segment."""
    return _codes(chunks, segment, _IBAN)


def people(chunks: Sequence[Chunk], segment: range) -> Iterator[tuple[int, int]]:
    """Yield first chunk and end of each number of a person that has letters."""
    return _codes(chunks, segment, _PERSON)


def _codes(
    chunks: Sequence[Chunk], segment: range, form: re.Pattern[str]
) -> Iterator[tuple[int, int]]:
    text, owners = "", []
    for index in segment:
        part = _alphanumeric(chunks[index])
        text += part
        owners += [index] * len(part)
    for found in form.finditer(text):
        yield owners[found.start()], owners[found.end() - 1] + 1


def _alphanumeric(chunk: Chunk) -> str:
    """Return letters and digits of a chunk that may be a part of a code; a blank of another."""
    kind, core = chunk.kind, chunk.core
    if kind in WRITTEN or (kind is Kind.WORD and chunk.text.isupper()):
        return "".join(filter(str.isalnum, core)).upper()
    if (letter := letter_of(core)) is not None:
        return letter
    digits = "".join(atom.digits for atom in atoms([chunk]))
    return digits or ("" if is_filler(chunk) else " ")
