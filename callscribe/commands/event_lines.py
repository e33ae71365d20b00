"""Events of calls in lines of text: who speaks, when, and what."""

import unicodedata
from collections.abc import Sequence
from itertools import count

from callscribe.client.messages import (
    Dtmf,
    Error,
    Event,
    Final,
    Gap,
    Keyword,
    LineTrouble,
    Resumed,
    Slot,
)
from callscribe.client.speakers import (
    SpeakerRevision,
)
from callscribe.client.turns import TurnOverlap

_PROBLEMS = {"low_level": "speech too quiet", "clipping": "speech cut off at full scale"}


class Parties:
    """Who speaks: the channels of all calls, each with a name and a number."""

    def __init__(self) -> None:
        self._names: dict[str, Sequence[str]] = {}
        self._numbers: dict[tuple[str, int], int] = {}

    def join(self, call: str, names: Sequence[str]) -> None:
        """Take note of the channels of a call."""
        self._names[call] = names
        for channel in range(len(names)):
            self.number(call, channel)

    def name(self, call: str, event: Event) -> str:
        """Return the name of an event's channel: its label, else what the call calls it."""
        names = self._names.get(call, ())
        usual = names[event.channel] if event.channel < len(names) else f"channel {event.channel}"
        return printable(event.label or usual)

    def number(self, call: str, channel: int) -> int:
        """Return the number of a channel: the lowest that no channel of another call has."""
        if (call, channel) not in self._numbers:
            taken = set(self._numbers.values())
            self._numbers[call, channel] = next(n for n in count() if n not in taken)
        return self._numbers[call, channel]

    def leave(self, call: str) -> None:
        """Forget a call; its numbers become free."""
        self._names.pop(call, None)
        self._numbers = {key: number for key, number in self._numbers.items() if key[0] != call}


def printable(text: str) -> str:
    """Replace what could move a cursor: the text comes from outside. Keeps the length."""
    return "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)


def line_of(event: Event, name: str) -> str | None:
    """Return the line that tells an event of the party of this name; None for most events."""
    match event:
        case Final() if event.text:
            by = "" if event.speaker is None else f" (speaker {event.speaker})"
            return f"{span(event.start, event.end)} {name}{by}: {printable(event.text)}"
        case SpeakerRevision():
            whose = ", ".join(f"{each.utterance} by {each.speaker}" for each in event.utterances)
            return f"{name}: (corrected speakers of utterances: {whose})"
        case Gap():
            return f"{span(event.start, event.end)} {name}: (audio lost)"
        case Keyword():
            said = f"{printable(event.keyword)}, said as {printable(event.text)!r}"
            return f"{span(event.start, event.end)} {name}: (keyword {said})"
        case Dtmf():
            return f"{span(event.at, event.at)} {name}: (pressed {printable(event.digit)})"
        case LineTrouble():
            what = _PROBLEMS.get(event.problem, printable(event.problem))
            return f"{span(event.at, event.at)} {name}: ({what}: {event.level:g} dBFS)"
        case Slot() if event.is_final and event.value:
            what = f"{printable(event.question or event.expected)}: {printable(event.value)}"
            return f"{span(event.start, event.end)} {name}: ({what})"
        case TurnOverlap(interrupted=True):
            other = f"interrupted channel {event.other_channel}"
            return f"{span(event.start, event.end)} {name}: ({other})"
        case Error():
            return f"server: {printable(event.message)} ({printable(event.code)})"
        case Resumed():
            at = f"resumed at {event.position:.1f} s of audio"
            return f"connection lost for {event.after_s:.1f} s; {at}"
    return None


def span(start: float, end: float) -> str:
    """Return a stretch of time, in seconds, in columns."""
    return f"[{start:7.2f} - {end:6.2f}]"


def tail(text: str, columns: int) -> str:
    """Return the end of the text that fits, marked when something was left out."""
    if sum(map(_cells, text)) <= columns:
        return text
    start, free = len(text), columns - 1
    while start and _cells(text[start - 1]) <= free:
        start -= 1
        free -= _cells(text[start])
    return "…" + text[start:] if columns > 0 else ""


def _cells(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
