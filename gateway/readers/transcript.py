"""The transcript of one call, or of several of one name, as far as it has come."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from common.audio import seconds
from common.pipeline.text import TimedWord
from common.redis.link import Link
from gateway.calls.directory import Known
from gateway.protocols.events import Final, Words
from gateway.readers.reading import read_now
from gateway.transcripts.captions import Caption, one_line, srt, vtt

FORMATS = ("json", "txt", "srt", "vtt")


@dataclass(frozen=True, slots=True)
class Spoken:
    """A final with text; times are seconds since the first of the calls began."""

    session: str
    label: str
    channel: int
    utterance: int
    start: float
    end: float
    text: str
    language: str | None
    language_confidence: float | None
    words: tuple[TimedWord, ...] | None
    redacted: tuple[str, ...]
    """What each mask in it hides."""
    offset: float
    """When its call began, in seconds since the first did."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """Everything that was said, in the order of its beginnings."""

    calls: Sequence[Known]
    spoken: Sequence[Spoken]
    complete: bool
    """Whether all calls have ended and nothing more will come."""


async def read_transcript(link: Link, calls: Sequence[Known]) -> Transcript:
    """Read what Redis has of calls, which are sorted by their beginnings."""
    spoken: list[Spoken] = []
    complete = True
    for known in calls:
        events, ended = await read_now(link, known)
        finals: dict[tuple[int, int], Final] = {}
        for event in events:
            match event:
                case Final() if event.text:
                    finals[event.channel, event.utterance] = event
                case Words(words=words) if (event.channel, event.utterance) in finals:
                    place = (event.channel, event.utterance)
                    finals[place] = replace(finals[place], words=words)
        offset = (known.opened - calls[0].opened) / 1000
        spoken += [_spoken(known, final, offset) for final in finals.values()]
        complete = complete and ended
    return Transcript(calls, sorted(spoken, key=lambda each: each.start), complete)


def _spoken(known: Known, final: Final, offset: float) -> Spoken:
    labels = known.record.about.labels
    return Spoken(
        session=known.session,
        label=labels[final.channel] if labels else "",
        channel=final.channel,
        utterance=final.utterance,
        start=seconds(final.start) + offset,
        end=seconds(final.end) + offset,
        text=final.text,
        language=final.language,
        language_confidence=final.language_confidence,
        words=final.words,
        redacted=tuple(mask.entity for mask in final.hidden),
        offset=offset,
    )


def as_json(transcript: Transcript) -> dict[str, Any]:
    """Return a transcript as JSON-able values."""
    return {
        "session_ids": [known.session for known in transcript.calls],
        "conversation_id": transcript.calls[0].record.about.conversation or None,
        "complete": transcript.complete,
        "redacted": Counter(entity for each in transcript.spoken for entity in each.redacted),
        "text": " ".join(each.text for each in transcript.spoken),
        "utterances": [_json(each) for each in transcript.spoken],
    }


def as_text(transcript: Transcript, form: str) -> str:
    """Return a transcript as ``txt``, ``srt`` or ``vtt``."""
    if form == "txt":
        return "".join(
            f"{one_line(each.label)}: {each.text}\n" if each.label else f"{each.text}\n"
            for each in transcript.spoken
        )
    captions = [
        Caption(each.start, each.end, each.text, each.label, _spans(each))
        for each in transcript.spoken
    ]
    return srt(captions) if form == "srt" else vtt(captions)


def _json(each: Spoken) -> dict[str, Any]:
    message: dict[str, Any] = {
        "session_id": each.session,
        "channel": each.channel,
        "utterance": each.utterance,
        "start": round(each.start, 3),
        "end": round(each.end, 3),
        "text": each.text,
        "language": each.language,
    }
    if each.language_confidence is not None:
        message["language_confidence"] = round(each.language_confidence, 4)
    if each.label:
        message["label"] = each.label
    if each.words is not None:
        times = _spans(each)
        message["words"] = [
            {"word": word.text, "start": round(start, 3), "end": round(end, 3)}
            for word, (start, end) in zip(each.words, times, strict=True)
        ]
    return message


def _spans(each: Spoken) -> list[tuple[float, float]]:
    return [
        (seconds(word.start) + each.offset, seconds(word.end) + each.offset)
        for word in each.words or ()
    ]
