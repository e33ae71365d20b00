"""Calls as a codec gets them: turns, partials and finals, with audio between them."""

from collections.abc import Sequence
from typing import TypeAlias

from hypothesis import strategies as st

from common.pipeline.partial import PartialText
from common.pipeline.speech import SpeechEntry, Started
from common.pipeline.text import Final as StoredFinal
from gateway.feed.turns import LegTurns
from gateway.protocols.events import Event, Final, Partial, SpeechStarted
from tests.unit.gateway.feed.test_turns import Entry, readings

AUDIO = 1_600
"""Samples of a message of audio."""
Step: TypeAlias = Event | None
"""An event, or None for a message of audio."""


def events_of(entries: Sequence[Entry]) -> list[Event]:
    """Return what the gateway tells of entries, read one after the other."""
    leg = LegTurns(0)
    found: list[Event] = []
    for entry in entries:
        match entry:
            case SpeechEntry():
                found += [
                    SpeechStarted(0, each.utterance, each.start, each.at)
                    for each in entry.events
                    if isinstance(each, Started)
                ]
                found += leg.speech(entry)
            case (number, PartialText() as heard):
                found += leg.partial(number, heard)
                place = (0, number, heard.start, heard.end, heard.text, heard.stable)
                found.append(Partial(*place, heard.language))
            case (number, StoredFinal() as item):
                found += leg.item(number, item)
                final = Final(
                    channel=0,
                    utterance=number,
                    seq=number,
                    start=item.start,
                    end=item.end,
                    at=item.at,
                    text=item.text,
                    language=item.language,
                    words=item.words,
                    reason=item.reason,
                    failed=item.failed,
                )
                found += [final, *leg.waiting()]
    return found


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """Return what happens in a call, in one order of many."""
    _, entries = draw(readings())
    steps: list[Step] = []
    for event in events_of(entries):
        steps += [None] * draw(st.integers(0, 4))
        steps.append(event)
    return steps
