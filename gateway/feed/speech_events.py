"""What VAD finds on a leg, as its client is told of it. Pure."""

from typing import TypeAlias

from common.pipeline import speech
from gateway.protocols.events import Dtmf, Gap, SpeechEnded, SpeechStarted

SpeechEvent: TypeAlias = SpeechStarted | SpeechEnded | Gap | Dtmf


def speech_event(channel: int, event: speech.Event) -> SpeechEvent | None:
    """Return what a client is told of an event; None if nothing."""
    match event:
        case speech.Started(utterance, start, at):
            return SpeechStarted(channel, utterance, start, at)
        case speech.Ended(utterance, start, end, at, reason):
            return SpeechEnded(
                channel=channel,
                utterance=utterance,
                start=start,
                end=end,
                at=at,
                reason=reason,
            )
        case speech.Gap(start, end):
            return Gap(channel, start, end)
        case speech.Dtmf(at, digit):
            return Dtmf(channel, at, digit)
        case _:
            return None
