"""The items of one session: which utterances are one item, and what a client is told of it.

    utterance ──► open item ──VAD's or client's commit──► committed ──last final──► completed

An item that VAD commits has one utterance. One that the client commits has all that was said since
the last commit. It ends with a flush, whose final completes it.

Its deltas only append. They hold stable text of partials, then the rest of the final. A final has
the same words, and may spell and punctuate them otherwise. `completed` then has them as the deltas
did. If the words differ nevertheless, because an utterance's recogniser was lost, `completed` has
the final, and the last delta has what the final says behind the words that were sent.
"""

import re
from collections import deque
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, TypeAlias

from common.audio import SAMPLE_RATE, rounded_seconds
from common.languages import code_of
from gateway.protocols.events import Final, Partial, SpeechEnded, SpeechStarted

Fields: TypeAlias = dict[str, Any]
"""A message to the client, without its `event_id`."""

_TRANSCRIPTION = "conversation.item.input_audio_transcription"
# A character counts as a word in scripts written without spaces.
_WORD = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u3041-\u30ff\u3400-\u9fff]|[^\W_]+")


@dataclass(slots=True, eq=False)
class Item:
    """One item. Positions bound its audio; `sent` is what deltas said of its open utterance."""

    id: str
    start: int
    end: int
    text: str = ""
    sent: str = ""
    language: str | None = None
    trouble: str = ""
    announced: bool = False
    """Whether the client was told that speech has started, and (`stopped`) that it has ended."""
    stopped: bool = False
    committed: bool = False
    flushed: bool = False
    """Whether a flush ends it, since the client committed or cleared it."""
    discarded: bool = False


class Items:
    """The items of one session; `name` makes their ids unique. `manual`: VAD commits none."""

    def __init__(self, name: str) -> None:
        self.manual = False
        self.buffered_from = 0
        """Position behind all audio that was committed or cleared."""
        self._name = name
        self._count = 0
        self._last: str | None = None
        """The item that was committed last."""
        self._open: Item | None = None
        """The item that the next utterance belongs to."""
        self._flushes: deque[tuple[int, Item]] = deque()
        """Items that wait for the final of a flush, and where that flush took effect."""
        self._of: dict[int, Item] = {}
        """The items of utterances whose final is still to come."""
        self._settled = 0
        """The last utterance whose final came."""

    def commit(self, position: int) -> list[Fields]:
        """Commit all audio before `position` for the client, which flushes."""
        item = self._flush(position)
        item.start, item.end = self.buffered_from, position
        self.buffered_from = position
        return self._commit(item)

    def clear(self, position: int) -> None:
        """Discard all audio before `position` that is not committed, by a flush."""
        self._flush(position).discarded = True
        self.buffered_from = position

    def started(self, event: SpeechStarted) -> list[Fields]:
        """Return what an utterance's start means."""
        item = self._item(event.utterance, event.start, event.at)
        return [] if item is None else self._announce(item)

    def ended(self, event: SpeechEnded) -> list[Fields]:
        """Return what an utterance's end means: VAD commits it."""
        item = self._item(event.utterance, event.start, event.at)
        if item is None:
            return []
        return [*self._announce(item), *self._stop(item, event.end, event.at)]

    def partial(self, event: Partial) -> list[Fields]:
        """Return the text that has become stable."""
        item = self._item(event.utterance, event.start, event.end)
        # What an item still lacks of an earlier utterance comes first.
        if item is None or event.utterance != min(n for n, of in self._of.items() if of is item):
            return []
        stable = event.text[: event.stable].rstrip()
        # Another worker that took over the utterance may have heard it otherwise.
        if not stable.startswith(item.sent):
            return []
        return [*self._announce(item), *self._append(item, stable[len(item.sent) :])]

    def final(self, event: Final) -> list[Fields]:
        """Return the rest of an utterance's text, and its item if that is complete."""
        item: Item | None
        if self._answers_flush(event):
            (_, item), completes = self._flushes.popleft(), True
        else:
            item = self._item(event.utterance, event.start, event.end)
            completes = item is not None and not (self.manual or item.flushed)
        if item is None:
            return []
        self._settled = event.utterance
        self._of.pop(event.utterance, None)
        messages = [] if item.flushed or self.manual else self._announce(item)
        messages += self._settle(item, event)
        if not completes:
            return messages
        messages = [*messages, *self._stop(item, event.end, event.at)]
        return [] if item.discarded else [*messages, _completed(item) | event.timed]

    def _answers_flush(self, event: Final) -> bool:
        """Tell whether a final completes the item of the oldest flush.

        What ended an utterance that nobody could read is not known.
        """
        if not self._flushes or event.reason not in ("flush", "failed"):
            return False
        flushed = self._flushes[0][1]
        return event.reason == "flush" or flushed is self._item(
            event.utterance, event.start, event.end
        )

    def _item(self, utterance: int, start: int, position: int) -> Item | None:
        """Return the item of an utterance heard up to `position`; None if its final came."""
        if utterance <= self._settled:
            return None
        if (item := self._of.get(utterance)) is None:
            flushed = (item for boundary, item in self._flushes if position <= boundary)
            item = next(flushed, None) or self._open or self._new(start)
            if not item.flushed:
                self._open = item
            self._of[utterance] = item
        return item

    def _new(self, start: int) -> Item:
        self._count += 1
        return Item(f"item_{self._name}_{self._count}", start, start)

    def _flush(self, position: int) -> Item:
        item, self._open = self._open or self._new(position), None
        item.flushed = True
        self._flushes.append((position, item))
        return item

    def _announce(self, item: Item) -> list[Fields]:
        if self.manual or item.announced or item.committed or item.discarded:
            return []
        item.announced = True
        place = {"audio_start_ms": _ms(item.start), "item_id": item.id}
        return [{"type": "input_audio_buffer.speech_started", **place}]

    def _stop(self, item: Item, end: int, at: int) -> list[Fields]:
        """Tell that speech has ended; commit it unless the client does."""
        messages: list[Fields] = []
        if item.discarded:
            return messages
        if item.announced and not item.stopped:
            item.stopped = True
            place = {"audio_end_ms": _ms(end), "item_id": item.id}
            messages = [{"type": "input_audio_buffer.speech_stopped", **place}]
        if not (self.manual or item.committed):
            item.end = end
            self.buffered_from = max(self.buffered_from, at)
            self._open = None if self._open is item else self._open
            messages += self._commit(item)
        return messages

    def _commit(self, item: Item) -> list[Fields]:
        item.committed = True
        before, self._last = self._last, item.id
        content = {"type": "input_audio", "transcript": None}
        message = {"type": "message", "status": "completed", "role": "user", "content": [content]}
        return [
            {
                "type": "input_audio_buffer.committed",
                "previous_item_id": before,
                "item_id": item.id,
            },
            {
                "type": "conversation.item.added",
                "previous_item_id": before,
                "item": {"id": item.id, "object": "realtime.item", **message},
            },
        ]

    def _append(self, item: Item, more: str) -> list[Fields]:
        """Send text that belongs to the item's open utterance, behind what was sent of it."""
        if not more or item.discarded:
            return []
        delta = f" {more}" if item.text and not item.sent else more
        item.sent += more
        return [{"type": f"{_TRANSCRIPTION}.delta", **_place(item), "delta": delta}]

    def _settle(self, item: Item, event: Final) -> list[Fields]:
        """Add an utterance's text to its item."""
        text = event.text.strip()
        messages = self._append(item, unsent(text, item.sent))
        if _words(item.sent) == _words(text):
            text = item.sent
        item.text = f"{item.text} {text}".strip()
        item.sent = ""
        item.language = event.language or item.language
        if event.failed:
            item.trouble = event.trouble or "it could not be recognised"
        return messages


def unsent(text: str, sent: str) -> str:
    """Return the part of `text` behind what was `sent`, where words may stand otherwise there."""
    if text.startswith(sent):
        return text[len(sent) :]
    known = _words(sent)
    words = [*_WORD.finditer(text)]
    matcher = SequenceMatcher(None, known, _words(text), autojunk=False)
    *_, last, _ = [(0, 0, 0), *matcher.get_matching_blocks()]
    cut = min(last[1] + len(known) - last[0], len(words))
    return text[words[cut - 1].end() :] if cut else ""


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


def _completed(item: Item) -> Fields:
    if item.trouble and not item.text:
        error = {"type": "server_error", "code": "utterance_failed", "message": item.trouble}
        return {"type": f"{_TRANSCRIPTION}.failed", **_place(item), "error": error}
    message = {
        "type": f"{_TRANSCRIPTION}.completed",
        **_place(item),
        "transcript": item.text,
        "usage": {"type": "duration", "seconds": rounded_seconds(item.end - item.start)},
    }
    if not item.language:
        return message
    return message | {"languages": [{"code": code_of(item.language)}]}


def _place(item: Item) -> Fields:
    return {"item_id": item.id, "content_index": 0}


def _ms(position: int) -> int:
    return position * 1000 // SAMPLE_RATE
