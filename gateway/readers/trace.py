"""The trace of one call, or of several of one name: when each step towards each final was done.

It holds no word that was said.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from common.audio import seconds
from common.bus import commands, keys, wire
from common.pipeline.streams import TRACE
from common.pipeline.text import TimedWord
from common.pipeline.trace import PARTS, TRACE_ENTRY, SentFinal, spans
from common.redis.link import Link
from common.redis.replies import pairs
from gateway.calls.directory import Known
from gateway.protocols.events import Final, Words
from gateway.readers.reading import read_now

_PLACES = 6
"""Decimals of a stamp: microseconds."""


@dataclass(frozen=True, slots=True)
class Traced:
    """One final and what is known of it; `sent` is the gateway's part.

    `heard`: when the end of each word was received, by the words' order.
    """

    known: Known
    offset: float
    """When its call began, in seconds since the first did."""
    final: Final
    words: Sequence[TimedWord] | None
    sent: SentFinal | None
    heard: Sequence[float | None]

    @property
    def stamps(self) -> dict[str, float | None]:
        """Every stamp of `common.pipeline.trace.PARTS`, in its order."""
        endpoint, decoding, sent = self.final.endpoint, self.final.decoding, self.sent
        found: dict[str, float | None] = dict.fromkeys(PARTS)
        if sent is not None:
            found |= {"spoken": sent.spoken, "received": sent.received, "stored": sent.stored}
            found["sent"] = sent.sent
        if endpoint is not None:
            found |= {"denoised": endpoint.denoised, "heard": endpoint.heard}
            found["endpoint"] = endpoint.decided
        if decoding is not None:
            found |= {"decode_begun": decoding.begun, "decode_ended": decoding.ended}
        found["committed"] = self.final.committed
        return found

    @property
    def workers(self) -> dict[str, str | None]:
        """The process that did the work of each stage, None where that is not known."""
        endpoint, decoding = self.final.endpoint, self.final.decoding
        return {
            "gateway": self.sent.gateway if self.sent else None,
            "denoise": (endpoint.denoiser or None) if endpoint else None,
            "vad": endpoint.worker if endpoint else None,
            "asr": decoding.worker if decoding else None,
        }


async def read_trace(link: Link, calls: Sequence[Known]) -> dict[str, Any]:
    """Return the trace of calls, sorted by their beginnings, as JSON-able values.

    Waits while Redis is away.
    """
    traced, complete = await read_utterances(link, calls)
    return {
        "session_ids": [known.session for known in calls],
        "conversation_id": calls[0].record.about.conversation or None,
        "complete": complete,
        "utterances": [_json(each) for each in traced],
    }


async def read_utterances(link: Link, calls: Sequence[Known]) -> tuple[list[Traced], bool]:
    """Return all finals of calls by their beginnings, and whether nothing will follow.

    `calls` are sorted by their beginnings. Waits while Redis is away.
    """
    traced: list[Traced] = []
    complete = True
    for known in calls:
        events, ended = await read_now(link, known)
        finals: dict[tuple[int, int], Final] = {}
        words: dict[tuple[int, int], Sequence[TimedWord] | None] = {}
        for event in events:
            match event:
                case Final() if event.shown:
                    finals[event.channel, event.utterance] = event
                    words[event.channel, event.utterance] = event.words
                case Words():
                    words[event.channel, event.utterance] = event.words
        sent, heard = await _entries(link, known.session)
        offset = (known.opened - calls[0].opened) / 1000
        traced += [
            Traced(known, offset, final, words[place], sent.get(place), heard.get(place, ()))
            for place, final in finals.items()
        ]
        complete = complete and ended
    traced.sort(key=lambda each: seconds(each.final.start) + each.offset)
    return traced, complete


async def _entries(
    link: Link, session: str
) -> tuple[dict[tuple[int, int], SentFinal], dict[tuple[int, int], Sequence[float | None]]]:
    """Return what gateways wrote of each utterance: of its final, and of its words."""
    (entries,) = await link.insist([commands.everything(keys.session_key(session, TRACE))])
    sent: dict[tuple[int, int], SentFinal] = {}
    heard: dict[tuple[int, int], Sequence[float | None]] = {}
    for _, fields in entries:
        entry = TRACE_ENTRY.unpack(dict(pairs(fields))[wire.BODY_FIELD])
        place = (entry.channel, entry.utterance)
        if isinstance(entry, SentFinal):
            sent[place] = entry
        if entry.words is not None:
            heard[place] = entry.words
    return sent, heard


def _json(each: Traced) -> dict[str, Any]:
    final, labels = each.final, each.known.record.about.labels
    stamps = {name: _rounded(at) for name, at in each.stamps.items()}
    message: dict[str, Any] = {
        "session_id": each.known.session,
        "channel": final.channel,
        "utterance": final.utterance,
        "seq": final.seq,
        "start": round(seconds(final.start) + each.offset, 3),
        "end": round(seconds(final.end) + each.offset, 3),
        "reason": final.reason,
        "text_length": len(final.text),
        "stamps": stamps,
        "parts": [{"part": part, "ms": (end - begin) / 10} for part, begin, end in spans(stamps)],
        "workers": each.workers,
    }
    if labels:
        message["label"] = labels[final.channel]
    if each.words is not None:
        message["words"] = [_word(each, index, word) for index, word in enumerate(each.words)]
    return message


def _word(each: Traced, index: int, word: TimedWord) -> dict[str, Any]:
    return {
        "index": index + 1,
        "start": round(seconds(word.start) + each.offset, 3),
        "end": round(seconds(word.end) + each.offset, 3),
        "received": _rounded(each.heard[index]) if index < len(each.heard) else None,
    }


def _rounded(at: float | None) -> float | None:
    return None if at is None else round(at, _PLACES)
