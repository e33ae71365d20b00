"""The whole transcript of one call as JSON or as captions. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from callscribe.client.messages import (
    Error,
    Event,
    Final,
    Gap,
    Words,
)
from callscribe.client.speakers import (
    SpeakerRevision,
    Stretch,
    speaker_at,
)
from gateway.transcripts.captions import Caption, named, srt, vtt

WHOLE = ("json", "srt", "vtt")
"""Forms that exist only once the call has ended."""


class Transcript:
    """What was said in a call whose channels have these names; `about` describes the call."""

    def __init__(self, names: Sequence[str], about: Mapping[str, Any]) -> None:
        self._names = names
        self._about = about
        self._finals: dict[tuple[int, int], Final] = {}
        self._whole = True

    def hear(self, event: Event) -> None:
        """Take note of an event."""
        match event:
            case Final() if event.text:
                self._finals[event.channel, event.utterance] = event
            case Words(words=words) if words and self._of(event) is not None:
                place = (event.channel, event.utterance)
                self._finals[place] = replace(self._finals[place], words=words)
            case SpeakerRevision():
                for each in event.utterances:
                    self._revise((event.channel, each.utterance), each.speaker, each.speakers)
            case Error() | Gap():
                self._whole = False

    def written(self, form: str, *, ended: bool) -> str:
        """Return the transcript in a form of `WHOLE`; `ended`: the call came to its end."""
        spoken = sorted(self._finals.values(), key=lambda final: (final.start, final.channel))
        if form == "json":
            return json.dumps(self._json(spoken, ended), ensure_ascii=False, indent=1) + "\n"
        captions = map(self._caption, spoken)
        return srt(captions) if form == "srt" else vtt(captions)

    def _revise(self, place: tuple[int, int], speaker: int, speakers: tuple[Stretch, ...]) -> None:
        if (final := self._finals.get(place)) is not None:
            words = [
                replace(word, speaker=speaker_at(speakers, word.start, word.end))
                for word in final.words or ()
            ]
            said = None if final.words is None else tuple(words)
            told = replace(final, speaker=speaker, speakers=speakers, words=said)
            self._finals[place] = told

    def _of(self, event: Words) -> Final | None:
        return self._finals.get((event.channel, event.utterance))

    def _json(self, spoken: Sequence[Final], ended: bool) -> dict[str, Any]:
        return {
            **self._about,
            "complete": ended and self._whole,
            "text": " ".join(final.text for final in spoken),
            "utterances": [_utterance(final) for final in spoken],
        }

    def _caption(self, final: Final) -> Caption:
        channel = final.label or (self._names[final.channel] if len(self._names) > 1 else "")
        label = named(channel, final.speaker)
        words = [(word.start, word.end) for word in final.words or ()]
        return Caption(final.start, final.end, final.text, label, words)


def _utterance(final: Final) -> dict[str, Any]:
    told = ("channel", "label", "utterance", "start", "end", "text", "language", "speaker", "words")
    fields = asdict(final)
    if fields["words"] is not None:
        fields["words"] = [_known(word) for word in fields["words"]]
    return {name: fields[name] for name in told if fields[name] is not None}


def _known(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
