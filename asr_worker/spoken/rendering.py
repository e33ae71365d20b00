"""A text as a call wants it: its numbers in words or figures, its secrets hidden."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from asr_worker.spoken import figures, secrets, wording
from asr_worker.spoken.before import NOTHING_BEFORE, Before
from asr_worker.spoken.figures import Piece
from asr_worker.spoken.secrets import Mask, Span
from asr_worker.spoken.segments import segments
from asr_worker.spoken.tokens import Chunk, chunks
from asr_worker.spoken.writing import Style
from common.options import Numbers, RedactForm


@dataclass(frozen=True, slots=True)
class Rendered:
    """A text; its first `settled` characters stay whatever is said next."""

    text: str
    settled: int
    hidden: Sequence[Mask] = ()
    """The masks, by the words of what was said."""


def rendered(
    text: str,
    numbers: Numbers,
    kinds: frozenset[str],
    before: Before = NOTHING_BEFORE,
    form: RedactForm = "entity",
    language: str = "English",
    spans: Sequence[Span] = (),
) -> Rendered:
    """Return a text that is complete, and hide these kinds of secrets in it, and these spans.

    `before` is what was said before it, `form` what stands in the place of a secret.
    """
    return _rendered(text, None, numbers, kinds, before, form, language, spans)


def growing(
    text: str,
    stable: int,
    numbers: Numbers,
    kinds: frozenset[str],
    before: Before = NOTHING_BEFORE,
    form: RedactForm = "entity",
    language: str = "English",
) -> Rendered:
    """Return a text that goes on; what is behind its first `stable` characters may change.

    A segment is settled once the chunk behind it is stable. What is not settled is hidden while
    it may be a part of a secret.
    """
    return _rendered(text, stable, numbers, kinds, before, form, language)


def _rendered(
    text: str,
    stable: int | None,
    numbers: Numbers,
    kinds: frozenset[str],
    before: Before,
    form: RedactForm,
    language: str,
    spans: Sequence[Span] = (),
) -> Rendered:
    # The signs of amounts are English.
    how = "strings" if numbers == "grouped" and language != "English" else numbers
    found = chunks(text, language)
    judgement = secrets.Judgement(found, kinds, before, language)
    others = secrets.apart(secrets.covering(spans, found))
    hidden: list[Mask] = []
    parts: list[str] = []
    settled = 0
    for segment in _joined(segments(found, *secrets.linking(kinds)), others):
        is_settled = stable is None or (
            segment.stop < len(found) and found[segment.stop].end <= stable
        )
        judge = judgement.masks if is_settled else judgement.pending
        masks = judge(segment) if kinds else []
        if within := [each for each in others if each.first in segment]:
            masks = secrets.apart([*within, *masks])
        parts += filter(None, (each.text for each in _pieces(found, segment, masks, how, form)))
        if is_settled:
            settled = len(parts)
            hidden += masks
    return Rendered(" ".join(parts), len(" ".join(parts[:settled])), hidden)


def _joined(cut: Sequence[range], masks: Sequence[Mask]) -> list[range]:
    """Return segments such that each mask lies within one."""
    joined: list[range] = []
    for each in cut:
        inside = any(mask.first < each.start < mask.end for mask in masks)
        if inside:
            joined[-1] = range(joined[-1].start, each.stop)
        else:
            joined.append(each)
    return joined


def _pieces(
    found: Sequence[Chunk],
    segment: range,
    masks: Sequence[Mask],
    numbers: "Numbers | Style",
    form: RedactForm,
) -> Iterator[Piece]:
    """Yield what is written for a segment: masks, and numbers between them."""
    at = segment.start
    for mask in masks:
        yield from _written(found, at, mask.first, numbers)
        opening, closing = found[mask.first].lead, found[mask.end - 1].closing
        shown = _shown(mask, form)
        yield Piece(f"{opening}{shown}{closing}" if shown else "", mask.first, mask.end)
        at = mask.end
    yield from _written(found, at, segment.stop, numbers)


def _shown(mask: Mask, form: RedactForm) -> str:
    if mask.entity in ("", secrets.PENDING):
        return mask.entity
    last = f":{mask.digits[-4:]}" if form == "last4" and mask.digits else ""
    return f"[{mask.entity}{last}]"


def _written(
    found: Sequence[Chunk], at: int, end: int, numbers: "Numbers | Style"
) -> Iterator[Piece]:
    if at >= end:
        return
    match numbers:
        case "engine":
            yield from (Piece(found[i].text, i, i + 1) for i in range(at, end))
        case "digits" | "grouped" | "strings" if not any(map(figures.concerns, found[at:end])):
            yield from (Piece(found[i].text, i, i + 1) for i in range(at, end))
        case "spoken":
            yield from wording.pieces(found[at:end], at)
        case "digits" | "grouped" | "strings":
            before = found[at - 1].core if at else ""
            yield from figures.pieces(found[at:end], at, before, numbers)
