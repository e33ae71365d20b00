"""E-mail addresses, dates and amounts, as they are said."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from asr_worker.slots.line import Line
from asr_worker.spoken.codes import code
from asr_worker.spoken.english import CONNECTORS, FILLERS, MONTHS, POINT, words
from asr_worker.spoken.grammar import decimals, number
from asr_worker.spoken.tokens import Chunk, Kind
from common.pipeline.slot import Heard

_SIGNS: Mapping[str, str] = {**CONNECTORS, POINT: ".", "plus": "+", "arobase": "@", "arroba": "@"}
_AROUND = FILLERS | frozenset(
    words(
        "my the email e-mail mail address is it it's its that's of course sure all lower lowercase"
        " one word spelled with a an i i'm"
    )
)
"""What is said around an address, and is no part of it."""
_LONGEST_NAME = 3
"""Words of a name before `at`."""
_MONTHS: Mapping[str, str] = {
    **{each: each for each in (*MONTHS, "may")},
    **dict(
        each.split("=")
        for each in words(
            """
            enero=january febrero=february marzo=march abril=april mayo=may junio=june julio=july
            agosto=august septiembre=september octubre=october noviembre=november
            diciembre=december janvier=january février=february mars=march avril=april mai=may
            juin=june juillet=july août=august septembre=september octobre=october
            novembre=november décembre=december gennaio=january febbraio=february aprile=april
            maggio=may giugno=june luglio=july settembre=september ottobre=october
            dicembre=december januar=january februar=february märz=march juni=june juli=july
            oktober=october dezember=december января=january февраля=february марта=march
            апреля=april мая=may июня=june июля=july августа=august сентября=september
            октября=october ноября=november декабря=december
            """
        )
    ),
}
_UNITS: Mapping[str, str] = {
    word: unit
    for unit, names in {
        "USD": "dollar dollars bucks dólares dólar",
        "EUR": "euro euros евро",
        "GBP": "pound pounds quid",
        "cents": "cent cents pence penny pennies centimes centesimi céntimos",
    }.items()
    for word in words(names)
}


def address(line: Line) -> Iterator[Heard]:
    """Yield the labels and signs of an e-mail address; not words from which none leads to it."""
    name: list[Heard] = []
    at = 0
    while at < len(line.row.atoms):
        chunk = line.row.atoms[at].chunk
        piece, word = line.chunks[chunk], line.words[chunk]
        spelled = code(line.row, at)
        if spelled is None and (marked := line.mark(chunk)) is not None:
            yield from _name(name)
            yield marked[0]
            name, at = [], at + marked[1] - chunk
        elif spelled is None and word in _AROUND:
            at += 1
        elif spelled is None and word in _SIGNS:
            yield from (*name[-_LONGEST_NAME:], line.group(_SIGNS[word], chunk, chunk + 1))
            name, at = [], at + 1
        elif spelled is None and number(line.row, at) is None and "@" not in word:
            name.append(line.group(_label(piece), chunk, chunk + 1))
            at += 1
            # A name is said without a pause: what is before one is another sentence.
            if piece.ends_sentence and at < len(line.row.atoms):
                name = []
        else:
            yield from name[-_LONGEST_NAME:]
            text, end = spelled or _written(line, at)
            yield line.group(text.lower(), chunk, line.row.atoms[end - 1].chunk + 1)
            name, at = [], end
    yield from _name(name)


def day(line: Line) -> Iterator[Heard]:
    """Yield the months, by their English names, and the numbers of a date."""

    def numbers(at: int) -> tuple[Sequence[str], int] | None:
        said = number(line.row, at)
        return None if said is None else (said.parts or (said.digits,), said.end)

    return _numbers_and(_MONTHS, (Kind.SIGNED,), line, numbers)


def amount(line: Line) -> Iterator[Heard]:
    """Yield the numbers of an amount, and its units: a currency's code, or cents."""

    def numbers(at: int) -> tuple[Sequence[str], int] | None:
        said = number(line.row, at)
        if said is None:
            return None
        pointed = line.row.word(said.end) == POINT
        if pointed and (rest := decimals(line.row, said.end + 1)) is not None:
            return (f"{said.digits}.{rest[0]}",), rest[1]
        return (said.digits,), said.end

    return _numbers_and(_UNITS, (Kind.SIGNED, Kind.CODE), line, numbers)


def _numbers_and(
    names: Mapping[str, str],
    written: Collection[Kind],
    line: Line,
    numbers: Callable[[int], tuple[Sequence[str], int] | None],
) -> Iterator[Heard]:
    """Yield what words are `names` of, what is `written`, the `numbers` that are said, and marks.

    `numbers` returns the texts of the number at an atom, and the atom behind it.
    """
    at = 0
    while at < len(line.row.atoms):
        atom = line.row.atoms[at]
        if (name := names.get(line.words[atom.chunk])) is not None:
            yield line.group(name, atom.chunk, atom.chunk + 1)
        elif atom.kind in written:
            yield line.group(atom.text, atom.chunk, atom.chunk + 1)
        elif (said := numbers(at)) is not None:
            texts, at = said
            for text in texts:
                yield line.group(text, atom.chunk, line.row.atoms[at - 1].chunk + 1)
            continue
        elif (marked := line.mark(atom.chunk)) is not None:
            yield marked[0]
        at += 1


def _name(words: list[Heard]) -> list[Heard]:
    """Return words that no sign follows, if they are few enough for a name."""
    return words if len(words) <= _LONGEST_NAME else []


def _label(piece: Chunk) -> str:
    return "".join(each for each in piece.word if each.isalnum() or each in "._-+@")


def _written(line: Line, at: int) -> tuple[str, int]:
    """Return an address as it was written, or digits, and the atom behind them."""
    if (said := number(line.row, at)) is not None:
        return said.digits, said.end
    return _label(line.chunks[line.row.atoms[at].chunk]), at + 1
