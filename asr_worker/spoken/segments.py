"""Cutting a text where no number, code or address goes on.

Whether two chunks belong together depends on them and on what is before them, never on what
follows. So the segments of a text are those of every longer one, except for the last.
"""

from collections.abc import Sequence

from asr_worker.spoken import english
from asr_worker.spoken.tokens import Chunk, Kind

_GLUE = frozenset(
    {english.AND, english.POINT, english.PLUS, *english.UNITS, *english.NATO, *english.CONNECTORS}
)

_CUED = 10
"""Words that stay together behind a cue."""


def segments(
    chunks: Sequence[Chunk],
    fillers: frozenset[str] = frozenset(),
    cues: frozenset[str] = frozenset(),
) -> list[range]:
    """Return the segments as ranges of chunks.

    `fillers` belong to the numbers beside them. Behind one of `cues` a few words stay together.
    """
    edges, cued = [0], 0
    for at in range(1, len(chunks)):
        cued = _CUED if chunks[at - 1].core in cues else cued - 1
        if cued <= 0 and not _linked(chunks, at, fillers):
            edges.append(at)
    return [range(a, b) for a, b in zip(edges, [*edges[1:], len(chunks)], strict=True) if b > a]


def _linked(chunks: Sequence[Chunk], at: int, fillers: frozenset[str]) -> bool:
    """Whether a chunk belongs to the one before."""
    left, right = chunks[at - 1], chunks[at]
    if left.silent or right.silent:
        return True
    if left.core in english.CONNECTORS or right.core in english.CONNECTORS:
        return True
    if right.kind not in (
        Kind.WORD,
        Kind.AND,
    ):  # the end of an address's label may be said in digits
        return True
    if left.kind is Kind.LETTER and right.core in ("for", "as"):
        return True
    if left.kind is Kind.CODE and right.text.isupper():  # the bank in an IBAN
        return True
    if at >= 2 and _tells_letter(chunks[at - 2], left, right):
        return True
    return _is_glue(left, fillers) and _is_glue(right, fillers)


def _tells_letter(before: Chunk, left: Chunk, right: Chunk) -> bool:
    """Whether a word is about to tell which letter was meant: "B as in Bravo"."""
    if before.kind is Kind.LETTER and left.core in ("for", "as"):
        return left.core == "for" or right.core == "in"
    return before.core == "as" and left.core == "in"


def _is_glue(chunk: Chunk, fillers: frozenset[str]) -> bool:
    return chunk.kind is not Kind.WORD or chunk.core in _GLUE or chunk.core in fillers


def is_filler(chunk: Chunk) -> bool:
    """Whether a chunk may stand between the digits of one number."""
    return (
        chunk.silent or chunk.core in english.FILLERS or chunk.core in (english.AND, english.POINT)
    )
