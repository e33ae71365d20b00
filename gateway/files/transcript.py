"""The transcript of one file, and what a request asks of it. Pure."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from common.audio import seconds
from common.languages import UNSPACED, code_of
from common.options import SessionOptions
from gateway.protocols.commands import Encoding
from gateway.protocols.events import Event, Final, SpeakerRevision, Words, revised

Fields: TypeAlias = Mapping[str, Sequence[str]]
"""The parameters of a request: the values of each, in order."""


@dataclass(slots=True)
class Transcript:
    """What was recognised in a file. `request` names it in logs.

    `created` is in seconds since the Unix epoch, `duration` in samples at 16 kHz, and `sha256` is
    the digest of the file. `finals` are in the order of their starts once all have come.
    """

    request: str
    created: float
    sha256: str
    channels: int
    language: str | None
    """What the request asked for; None detects it."""
    duration: int = 0
    finals: list[Final] = field(default_factory=list)
    remarks: Sequence[str] = ()
    """What is wrong with the file, once nothing follows."""

    def hear(self, event: Event) -> Final | None:
        """Take an event of the call; return a final that has text."""
        match event:
            case Final() if event.text or event.failed:
                self.finals.append(event)
                return event if event.text else None
            case Words():
                self.finals = [_with_words(final, event) for final in self.finals]
            case SpeakerRevision():
                finals = {(each.channel, each.utterance): each for each in self.finals}
                self.finals = [*(finals | revised(finals, event)).values()]
        return None

    def finish(self, duration: int, remarks: Sequence[str] = ()) -> None:
        """Take note that nothing follows."""
        self.duration, self.remarks = duration, remarks
        self.finals.sort(key=lambda final: (final.start, final.channel))

    @property
    def spoken_language(self) -> str | None:
        """The language that was heard for the longest time, or what the request asked for."""
        heard: Counter[str] = Counter()
        for final in self.finals:
            if final.text and final.language:
                heard[final.language] += max(1, final.end - final.start)
        return heard.most_common(1)[0][0] if heard else self.language

    @property
    def language_confidence(self) -> float | None:
        """How sure the spoken language is, over all that was heard in it; None if not known."""
        language = self.spoken_language
        sure = [
            (max(1, final.end - final.start), final.language_confidence)
            for final in self.finals
            if final.language == language and final.language_confidence is not None
        ]
        length = sum(each for each, _ in sure)
        return sum(each * confidence for each, confidence in sure) / length if sure else None

    def text(self, channel: int | None = None) -> str:
        """Return the text of a channel, or of all."""
        said = ""
        for final in self.finals:
            if final.text and channel in (None, final.channel):
                said += continuation(said, final)
        return said

    @property
    def failure(self) -> str:
        """Why none of what was said could be recognised; empty where some was, or none said."""
        if not self.finals or any(final.text for final in self.finals):
            return ""
        reasons = dict.fromkeys(final.trouble for final in self.finals if final.trouble)
        return f"nothing of it could be recognised: {'; '.join(reasons) or 'no reason is known'}"

    @property
    def warnings(self) -> list[str]:
        """What is wrong with the file and what could not be recognised, in words."""
        return [*self.remarks, *self.unrecognised]

    @property
    def unrecognised(self) -> list[str]:
        """What could not be recognised, in words."""
        return [
            f"speech from {seconds(final.start):.2f} s to {seconds(final.end):.2f} s of channel"
            f" {final.channel} could not be recognised"
            for final in self.finals
            if final.failed
        ]


def continuation(before: str, final: Final) -> str:
    """Return the text of a final as it continues the text before it."""
    unspaced = final.language is not None and code_of(final.language) in UNSPACED
    return final.text if not before or unspaced else f" {final.text}"


@dataclass(frozen=True, slots=True)
class Answer:
    """The body of an answer."""

    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Raw:
    """The format of samples without a container; `rate` is in Hz."""

    encoding: Encoding
    rate: int
    channels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request asks for. `answer` builds the answer.

    `apart`: two channels are recognised apart. `raw`: the file is samples without a container.
    `delta`: the answer is a stream of events; this builds the event of a text that has come, and
    `answer` the last.
    """

    options: SessionOptions
    answer: Callable[[Transcript], Answer]
    apart: bool = False
    raw: Raw | None = None
    delta: Callable[[str], bytes] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How one kind of client sends a file and gets its transcript.

    `read` gets the parameters and the options of a call that asks for nothing; it raises
    ClientError or FileRefused. `refuse` builds an answer from a status, a code and a message. The
    file is the body of a request, or a part of a multipart body by one of the names `parts`, whose
    other parts are parameters, too.
    """

    path: str
    read: Callable[[Fields, SessionOptions], Asked]
    refuse: Callable[[int, str, str], Answer]
    parts: Sequence[str] = ()
    bare: bool = False
    """Whether the file may be the body itself."""


def _with_words(final: Final, late: Words) -> Final:
    if (final.channel, final.utterance) != (late.channel, late.utterance):
        return final
    return replace(final, words=late.words, words_pending=False)
