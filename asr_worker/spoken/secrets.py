"""Finding what must not be seen: cards, numbers of people and accounts, addresses."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from asr_worker.spoken import cues, english, foreign
from asr_worker.spoken.before import NOTHING_BEFORE, Before
from asr_worker.spoken.codes import letter_of
from asr_worker.spoken.grammar import number, row
from asr_worker.spoken.identifiers import PERSON_DIGITS, WRITTEN, accounts, people
from asr_worker.spoken.segments import is_filler
from asr_worker.spoken.tokens import NUMERIC, Chunk, Kind, atoms
from asr_worker.spoken.tokens import chunks as token_chunks
from common.options import NUMERIC as OF_DIGITS

PENDING = "[...]"
"""Stands in partials for what is not judged yet."""

_FILLERS_BETWEEN = 3
_WINDOW = 12
"""Chunks before a number in which a cue counts."""
_CARD_WINDOW = 40
_ASKED = 13
"""Words that others said before the text in which a cue counts, too."""

_EMAIL = frozenset({"email", "e-mail", "mail"})
_EMAIL_OPENINGS = frozenset(
    english.words("email e-mail mail address is it's its that's my the would be at it was again")
)
_ANSWER = 6
"""Words behind a part of an answer in which the rest of it may come."""
_ENTITIES = frozenset({"_number_", "_credit_card_", "_phone_", "_ssn_", "_iban_"})
"""What masks in earlier texts say that may go on."""
_SPELLED = 3
"""Letters that are spelled and may be a part of an address."""
_SIGNS = frozenset({"dot", "underscore"})
"""What is hardly said but in an address."""


class Mask(NamedTuple):
    """The chunks [first, end) are hidden, as being of this entity.

    `digits`: those of a whole number, if it is known to be whole.
    """

    entity: str
    first: int
    end: int
    digits: str = ""


class Span(NamedTuple):
    """The characters [start, end) of a text, which are to be hidden as being of this entity."""

    start: int
    end: int
    entity: str


def covering(spans: Sequence[Span], chunks: Sequence[Chunk]) -> list[Mask]:
    """Return the masks of all chunks that spans touch."""
    found = []
    for start, end, entity in spans:
        hit = [i for i, c in enumerate(chunks) if c.end > start and c.end - len(c.text) < end]
        if hit:
            found.append(Mask(entity, hit[0], hit[-1] + 1))
    return found


class _Run(NamedTuple):
    """Chunks [first, end) that say these digits, and words that say nothing among them."""

    first: int
    end: int
    said: str

    @property
    def digits(self) -> int:
        """How many they are."""
        return len(self.said)


def is_whole(entity: str, digits: str) -> bool:
    """Whether these are all the digits of such a number: of a part the last ones are others."""
    match entity:
        case "CREDIT_CARD":
            return 13 <= len(digits) <= 19 and checksum(digits) == 0
        case "SSN":
            return len(digits) == 9
        case "PHONE":
            return 10 <= len(digits) <= 15
    return False


def checksum(digits: str) -> int:
    """Return what is 0 for the number of a card (ISO/IEC 7812-1, annex B)."""
    doubled = (int(each) * (1 + at % 2) for at, each in enumerate(reversed(digits)))
    return sum(each - 9 if each > 9 else each for each in doubled) % 10


def linking(kinds: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the fillers and cues with which to cut a text into segments for these kinds."""
    fillers = english.FILLERS if kinds & OF_DIGITS else frozenset()
    if "dob" in kinds:
        fillers |= english.DATES
    return fillers, _EMAIL if "email" in kinds else frozenset()


class Judgement:
    """Tells what to hide in a text, of these kinds, given what was said before."""

    def __init__(
        self,
        chunks: Sequence[Chunk],
        kinds: frozenset[str],
        before: Before = NOTHING_BEFORE,
        language: str = "English",
    ) -> None:
        self._chunks = chunks
        self._kinds = kinds
        self._unsure = before.unsure
        self._of_people = PERSON_DIGITS.get(language, (9,))
        self._earlier = [
            _of_earlier(chunk) for chunk in token_chunks(" ".join(before.words), language)
        ]

    def masks(self, segment: range) -> list[Mask]:
        """Return what to hide in a segment whose end is known, or lies behind the next one.

        A number at either end of the text may go on in the next one, or have begun before.
        """
        chunks, kinds = self._chunks, self._kinds
        found = [*_addresses(chunks, segment)] if "email" in kinds else []
        if kinds & OF_DIGITS and _has_digits(chunks, segment):
            if "iban" in kinds:
                found += [Mask("IBAN", *each) for each in accounts(chunks, segment)]
            if "ssn" in kinds:
                found += [Mask("SSN", *each) for each in people(chunks, segment)]
            for run in _runs(chunks, segment):
                if (entity := self._entity(run)) is not None:
                    whole = run.said if is_whole(entity, run.said) else ""
                    found.append(Mask(entity, *self._extended(run, entity, segment), whole))
        return apart(found)

    def pending(self, segment: range) -> list[Mask]:
        """Return what to hide in a segment that may go on, or may still be heard otherwise."""
        chunks, kinds = self._chunks, self._kinds
        found: list[Mask] = []
        if "email" in kinds and (begun := _begun(chunks, segment)) is not None:
            found.append(Mask(PENDING, begun, segment.stop))
        if kinds & OF_DIGITS and _has_digits(chunks, segment):
            for run in _runs(chunks, segment):
                written = any(each.kind in WRITTEN for each in chunks[run.first : run.end])
                if run.digits > 1 or written or _is_all(chunks, run):
                    found.append(Mask(PENDING, run.first, run.end))
        if "email" in kinds and segment.stop == len(chunks) and len(segment):
            found.append(Mask("", segment.stop - 1, segment.stop))
        return apart(found)

    def _entity(self, run: _Run) -> str | None:
        """Return what a number is, if it is to be hidden."""
        kinds, digits = self._kinds, run.digits
        before = self._said(run.first, _WINDOW)
        if "dob" in kinds and cues.BIRTH.search(before):
            return "DATE_OF_BIRTH"
        if "pci" in kinds:
            if digits >= 12:
                return "CREDIT_CARD"
            if not self._is_amount(run) and (announced := _announced(before, digits)) is not None:
                return announced
            if digits >= 3 and cues.CARD.search(self._said(run.first, _CARD_WINDOW)):
                return "CREDIT_CARD"
        if "ssn" in kinds and (
            digits in self._of_people or (digits >= 3 and cues.SOCIAL.search(before))
        ):
            return "SSN"
        if "iban" in kinds and digits >= 3 and cues.IBAN.search(before):
            return "IBAN"
        if "phone" in kinds and self._is_telephone(run, before):
            return "PHONE"
        if digits >= 3 and ("numbers" in kinds or _at_edge(self._chunks, run)):
            return "NUMBER"
        if _is_all(self._chunks, run) or (digits >= 2 and self._unsure):
            return "NUMBER"
        return "NUMBER" if digits >= 3 and self._goes_on(run) else None

    def _is_amount(self, run: _Run) -> bool:
        """Whether it counts or measures something."""
        behind = self._chunks[run.end].word if run.end < len(self._chunks) else ""
        return (
            behind in english.UNITS
            or behind in foreign.UNITS
            or self._chunks[run.first].core[:1] in "$€£"
        )

    def _is_telephone(self, run: _Run, before: str) -> bool:
        if 10 <= run.digits <= 15 or self._chunks[run.first].core.startswith("+"):
            return True
        asked = cues.TELEPHONE.search(before) or _is_plus(self._chunks, run)
        return run.digits >= 7 and bool(asked)

    def _said(self, end: int, count: int) -> str:
        """Return the last words before a chunk, and more of those that others said."""
        own = [chunk.word for chunk in self._chunks[max(0, end - count) : end]]
        if end > count:
            return " ".join(own)
        return " ".join([*self._earlier[-(count - end + _ASKED) :], *own])

    def _goes_on(self, run: _Run) -> bool:
        """Whether a number was hidden shortly before that may go on here."""
        return run.first < _WINDOW and any(each in _ENTITIES for each in self._earlier[-_WINDOW:])

    def _extended(self, run: _Run, entity: str, segment: range) -> tuple[int, int]:
        """Return the first chunk to hide and the end: with the month of a date of birth."""
        first, end = run.first, run.end
        if entity == "DATE_OF_BIRTH":
            while first > segment.start and _is_date(self._chunks[first - 1]):
                first -= 1
            while end < segment.stop and _is_date(self._chunks[end]):
                end += 1
        return first, end


def _of_earlier(chunk: Chunk) -> str:
    """Return a word of an earlier text; that of a mask is no word that announces anything."""
    masked = chunk.lead.endswith("[") and chunk.closing.startswith("]")
    return f"_{chunk.core.partition(':')[0]}_" if masked else chunk.word


def _is_date(chunk: Chunk) -> bool:
    return chunk.core in english.DATES


def _has_digits(chunks: Sequence[Chunk], segment: range) -> bool:
    return any(chunks[i].kind in NUMERIC or chunks[i].kind is Kind.CODE for i in segment)


def apart(found: list[Mask]) -> list[Mask]:
    """Return masks in order that do not overlap: what is hidden twice counts as the first."""
    apart: list[Mask] = []
    for each in sorted(found, key=lambda mask: (mask.first, -mask.end)):
        if apart and each.first < apart[-1].end:
            end = max(apart[-1].end, each.end)
            apart[-1] = Mask(apart[-1].entity or each.entity, apart[-1].first, end)
        else:
            apart.append(each)
    return apart


def _announced(before: str, digits: int) -> str | None:
    """Return which of a card's short numbers the last cue announces."""
    cvv, expiry = _last_cue(cues.CVV, before, "cvv"), _last_cue(cues.EXPIRY, before, "expiry")
    if expiry > cvv and 2 <= digits <= 8:
        return "EXPIRY"
    return "CVV" if cvv > expiry and 3 <= digits <= 4 else None


def _last_cue(cue: re.Pattern[str], before: str, entity: str) -> int:
    """Return where a cue ends; -1 if there is none, or it was answered some words before."""
    last = max((found.end() for found in cue.finditer(before)), default=-1)
    behind = before[max(0, last) :].split()
    return -1 if f"_{entity}_" in behind[:-_ANSWER] else last


def _is_plus(chunks: Sequence[Chunk], run: _Run) -> bool:
    return run.first > 0 and chunks[run.first - 1].core == english.PLUS


def _at_edge(chunks: Sequence[Chunk], run: _Run) -> bool:
    return _is_idle(chunks[: run.first]) or _is_idle(chunks[run.end :])


def _is_all(chunks: Sequence[Chunk], run: _Run) -> bool:
    return _is_idle(chunks[: run.first]) and _is_idle(chunks[run.end :])


def _is_idle(chunks: Sequence[Chunk]) -> bool:
    """Whether the chunks say nothing."""
    return all(is_filler(chunk) for chunk in chunks)


def _runs(chunks: Sequence[Chunk], segment: range) -> Iterator[_Run]:
    """Yield the numbers of a segment, however they are grouped and punctuated."""
    found: _Run | None = None
    for first, end, digits in _numbers(chunks, segment):
        if found is not None and _goes_on(chunks[found.end : first]):
            found = _Run(found.first, end, found.said + digits)
            continue
        if found is not None:
            yield found
        found = _Run(first, end, digits)
    if found is not None:
        yield found


def _goes_on(between: Sequence[Chunk]) -> bool:
    return len(between) <= _FILLERS_BETWEEN and _is_idle(between)


def _numbers(chunks: Sequence[Chunk], segment: range) -> Iterator[_Run]:
    own = chunks[segment.start : segment.stop]
    line = row(atoms(own, segment.start), own, segment.start)
    at = 0
    while at < len(line.atoms):
        atom, end, digits = line.atoms[at], at + 1, ""
        if atom.kind in NUMERIC and (said := number(line, at)) is not None:
            end, digits = said.end, said.digits
        elif atom.kind in WRITTEN:
            digits = atom.digits
        if digits:
            yield _Run(atom.chunk, line.atoms[end - 1].chunk + 1, digits)
        at = end


def _addresses(chunks: Sequence[Chunk], segment: range) -> Iterator[Mask]:
    at = segment.start
    while at < segment.stop:
        end = _chain(chunks, at, segment.stop)
        if end - at == 1:
            if "@" in chunks[at].core:
                yield Mask("EMAIL", at, end)
            at = end
            continue
        if _is_address(chunks[at:end]) or _is_spelled(chunks, at, end):
            yield Mask("EMAIL", _opened(chunks, at, end, segment.start), end)
        else:
            yield from (Mask("EMAIL", i, i + 1) for i in range(at, end) if "@" in chunks[i].core)
        at = max(end, at + 1)


def _chain(chunks: Sequence[Chunk], at: int, stop: int) -> int:
    """Return the end of the labels at `at` that signs of an address connect."""
    end = _label(chunks, at, stop)
    while end < stop and chunks[end].core in english.CONNECTORS:
        end = _label(chunks, end + 1, stop)
    return end


def _label(chunks: Sequence[Chunk], at: int, stop: int) -> int:
    """Return the end of a word, or of what is spelled, with the digits behind it."""
    if at >= stop or chunks[at].core in english.CONNECTORS:
        return at
    end = at + 1
    while end < stop and chunks[end].kind not in (Kind.WORD, Kind.AND):
        end += 1
    return end


def _is_address(chain: Sequence[Chunk]) -> bool:
    cores = [each.core for each in chain]
    if not _SIGNS.isdisjoint(cores):
        return True
    return any(sign == "at" and host in english.PROVIDERS for sign, host in pairwise(cores))


def _opened(chunks: Sequence[Chunk], at: int, end: int, start: int) -> int:
    """Return where an address begins that was announced: behind the words that announce it."""
    cued = next((i for i in range(at, start - 1, -1) if chunks[i].core in _EMAIL), None)
    if cued is None:
        return at
    while cued < end - 1 and chunks[cued].core in _EMAIL_OPENINGS:
        cued += 1
    return cued


def _is_spelled(chunks: Sequence[Chunk], at: int, end: int) -> bool:
    """Whether letters are spelled that may go on as an address."""
    letters = sum(letter_of(each.core) is not None for each in chunks[at:end])
    if letters < _SPELLED:
        return False
    announced = any(each.core in _EMAIL for each in chunks[max(0, at - _WINDOW) : at + 1])
    return announced or _is_idle(chunks[:at]) or _is_idle(chunks[end:])


def _begun(chunks: Sequence[Chunk], segment: range) -> int | None:
    """Return where an address may begin that is not over: behind its announcement, if any."""
    for index in segment:
        if chunks[index].core in _EMAIL:
            return index + 1 if index + 1 < segment.stop else None
    cores = [chunks[index].core for index in segment]
    spelled = sum(letter_of(core) is not None for core in cores) > 1
    signs = any(core in english.CONNECTORS or "@" in core for core in cores)
    return segment.start if signs or spelled else None
