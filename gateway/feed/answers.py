"""The answers of one leg to what was asked, from what its streams hold. Pure.

An answer begins with the first utterance that has some of it, and goes on in the next ones until it
is complete; then, or when something else is asked, or `FORGOTTEN` after its last part, another
begins. One that begins with a correction goes on with the answer before. Reading the same entries
gives the same events, in whatever portions they come: what is read of an utterance before the
finals of all earlier ones waits for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from common.audio import samples
from common.expectation import expectation
from common.pipeline.partial import PartialText
from common.pipeline.slot import Heard, Slot
from common.pipeline.text import Final, Item
from gateway.answers.answering import Found, answer
from gateway.protocols.events import Answer

FORGOTTEN = samples(30.0)
"""How long after a part of an answer another may come."""
_MOST_HEARD = 64
"""Groups and words of an answer: those before are forgotten."""
_MOST_BEHIND = 2
"""Words behind a part of an answer where more of it is to come."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What an utterance has of an answer."""

    utterance: int
    start: int
    end: int
    text: str
    heard: tuple[Heard, ...]


class LegAnswers:
    """Tells of one leg's answers."""

    def __init__(self, channel: int) -> None:
        self._channel = channel
        self._item = 0
        """The last item that was read."""
        self._asked = ""
        self._parts: tuple[_Part, ...] = ()
        self._complete = False
        """Whether the answer with these parts is."""
        self._waiting: tuple[int, PartialText] | None = None
        """What was read of an utterance behind the one whose final comes next."""
        self._told: tuple[int, str] | None = None
        """The utterance and value of what was told last, before its final."""

    def partial(self, utterance: int, partial: PartialText) -> list[Answer]:
        """Read what was said before a pause: an answer that is complete is told once."""
        if partial.slot is None or utterance <= self._item:
            return []
        if utterance > self._item + 1:
            self._waiting = (utterance, partial)
            return []
        found, told = self._hear(utterance, partial, partial.slot)
        if not found.complete or self._told == (utterance, found.value):
            return []
        self._told = (utterance, found.value)
        return [told]

    def weighed(self, utterance: int, partial: PartialText) -> Found | None:
        """Return the answer so far, before a pause; None if nothing was asked."""
        if partial.slot is None:
            return None
        found, _ = self._hear(utterance, partial, partial.slot)
        # Who goes on with other words is not dictating.
        return found if partial.slot.behind <= _MOST_BEHIND else replace(found, begun=False)

    def item(self, number: int, item: Item) -> list[Answer]:
        """Read an item of the text; what is returned comes before it."""
        self._item = number
        if not isinstance(item, Final) or item.slot is None:
            return []
        parts = self._with(number, item, item.slot)
        found, told = self._understood(parts, number, item, item.slot, final=True)
        self._asked, self._complete = item.slot.expected, found.complete
        self._parts = parts if any(each.heard for each in parts) else ()
        return [told]

    def waiting(self) -> list[Answer]:
        """Return what was read already of the utterance behind the last item."""
        waiting, self._waiting = self._waiting, None
        return [] if waiting is None else self.partial(*waiting)

    def _hear(self, utterance: int, said: PartialText, slot: Slot) -> tuple[Found, Answer]:
        parts = self._with(utterance, said, slot)
        return self._understood(parts, utterance, said, slot, final=False)

    def _with(self, utterance: int, said: PartialText | Final, slot: Slot) -> tuple[_Part, ...]:
        """Return the parts of the answer to which an utterance belongs."""
        part = _Part(utterance, said.start, said.end, said.text, slot.heard)
        parts = self._parts
        if not parts or slot.expected != self._asked or said.start > parts[-1].end + FORGOTTEN:
            return (part,)
        if self._complete and not _corrects(slot.heard):
            return (part,)
        parts = (*parts, part) if slot.heard else parts
        while len(parts) > 1 and sum(len(each.heard) for each in parts) > _MOST_HEARD:
            parts = parts[1:]
        return parts

    def _understood(
        self,
        parts: Sequence[_Part],
        utterance: int,
        said: PartialText | Final,
        slot: Slot,
        *,
        final: bool,
    ) -> tuple[Found, Answer]:
        wanted = expectation(slot.expected)
        assert wanted is not None  # it is stored where something is expected
        heard = [each.heard[-_MOST_HEARD:] for each in parts]
        found = answer(heard, wanted)
        told = Answer(
            channel=self._channel,
            utterance=utterance,
            first=parts[0].utterance,
            start=parts[0].start,
            end=said.end,
            kind=wanted.kind,
            question=wanted.name,
            value=found.value,
            raw=" ".join(each.text for each in parts),
            valid=found.valid,
            complete=found.complete,
            sure=found.sure,
            alternatives=found.alternatives,
            final=final,
        )
        return found, told


def _corrects(heard: Sequence[Heard]) -> bool:
    """Whether an utterance begins with a correction of what was said before."""
    return bool(heard) and heard[0].mark == "corrects" and any(each.text for each in heard)
