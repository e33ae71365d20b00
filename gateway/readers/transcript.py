"""The transcript of one call, or of several of one name, as far as it has come."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from common.audio import seconds
from common.redis.link import Link
from gateway.calls.directory import Known
from gateway.protocols.events import Final, SpeakerRevision, Words, revised
from gateway.protocols.stretches import main_speaker, of_speaker, speaker_at
from gateway.readers.reading import read_now
from gateway.transcripts.captions import Caption, named, one_line, srt, vtt

FORMATS = ("json", "txt", "srt", "vtt")


@dataclass(frozen=True, slots=True)
class Spoken:
    """A final with text of one of the calls, and what its channel is called there.

    `offset`: when its call began, in seconds since the first did.
    """

    session: str
    label: str
    final: Final
    offset: float

    def at(self, position: int) -> float:
        """Return seconds from the beginning of the first call to a position in this one."""
        return seconds(position) + self.offset

    @property
    def party(self) -> str:
        """Who says it, as far as that is known: the channel's label, and its speaker."""
        return named(self.label, main_speaker(self.final.speakers))

    @property
    def redacted(self) -> list[str]:
        """What each mask in it hides."""
        return [mask.entity for mask in self.final.hidden or ()]


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
                case SpeakerRevision():
                    finals |= revised(finals, event)
        offset = (known.opened - calls[0].opened) / 1000
        labels = known.record.about.labels
        spoken += [
            Spoken(known.session, labels[final.channel] if labels else "", final, offset)
            for final in finals.values()
        ]
        complete = complete and ended
    return Transcript(calls, sorted(spoken, key=_begins), complete)


def _begins(each: Spoken) -> float:
    return each.at(each.final.start)


def as_json(transcript: Transcript) -> dict[str, Any]:
    """Return a transcript as JSON-able values."""
    return {
        "session_ids": [known.session for known in transcript.calls],
        "conversation_id": transcript.calls[0].record.about.conversation or None,
        "complete": transcript.complete,
        "redacted": Counter(entity for each in transcript.spoken for entity in each.redacted),
        "text": " ".join(each.final.text for each in transcript.spoken),
        "utterances": [_json(each) for each in transcript.spoken],
    }


def as_text(transcript: Transcript, form: str) -> str:
    """Return a transcript as ``txt``, ``srt`` or ``vtt``."""
    if form == "txt":
        return "".join(
            f"{one_line(each.party)}: {each.final.text}\n" if each.party else f"{each.final.text}\n"
            for each in transcript.spoken
        )
    captions = [
        Caption(_begins(each), each.at(each.final.end), each.final.text, each.party, _spans(each))
        for each in transcript.spoken
    ]
    return srt(captions) if form == "srt" else vtt(captions)


def _json(each: Spoken) -> dict[str, Any]:
    final = each.final
    message: dict[str, Any] = {
        "session_id": each.session,
        "channel": final.channel,
        "utterance": final.utterance,
        "start": round(_begins(each), 3),
        "end": round(each.at(final.end), 3),
        "text": final.text,
        "language": final.language,
    }
    if final.language_confidence is not None:
        message["language_confidence"] = round(final.language_confidence, 4)
    if each.label:
        message["label"] = each.label
    message |= of_speaker(main_speaker(final.speakers))
    if final.words is not None:
        times = _spans(each)
        message["words"] = [
            {"word": word.text, "start": round(start, 3), "end": round(end, 3)}
            | of_speaker(speaker_at(final.speakers, word.start, word.end))
            for word, (start, end) in zip(final.words, times, strict=True)
        ]
    return message


def _spans(each: Spoken) -> list[tuple[float, float]]:
    return [(each.at(word.start), each.at(word.end)) for word in each.final.words or ()]
