"""What the spans of a call say, without a word that was said. Pure.

A call is one span, whichever gateways had it: its ids were settled when it began. Each final is a
span below it, with an id that follows from the call's, and the stamps of its trace as events.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from common.audio import seconds
from gateway.readers.trace import Traced
from gateway.record import CallSpan, SessionRecord

AttributeValue = str | bool | int | float
FINISHED = "finished"
"""The reason of a call's end that is no failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One span; times are seconds since 1970, events their names and times."""

    name: str
    span: str
    begin: float
    end: float
    attributes: Mapping[str, AttributeValue]
    events: Sequence[tuple[str, float]] = ()
    failed: bool = False


def call_span(
    session: str,
    record: SessionRecord,
    span: CallSpan,
    utterances: Sequence[Traced],
    *,
    reason: str,
    position: int,
    now: float,
) -> Described:
    """Return the span of a call that ended `now`, for this reason; `position`: of its audio."""
    finals = [each.final for each in utterances]
    attributes: dict[str, AttributeValue] = {
        "callscribe.call.id": session,
        "callscribe.call.legs": record.audio.channels,
        "callscribe.call.end_reason": reason,
        "callscribe.call.utterances": len(finals),
        "callscribe.call.failed_utterances": sum(final.failed for final in finals),
        "callscribe.call.audio_seconds": round(seconds(position), 3),
        "callscribe.call.speech_seconds": round(sum(seconds(f.end - f.start) for f in finals), 3),
        "callscribe.call.denoised": record.denoised,
    }
    if record.options.language is not None:
        attributes["callscribe.language"] = record.options.language
    return Described(
        name="call",
        span=span.span,
        begin=span.begun,
        end=max(now, span.begun),
        attributes=attributes,
        failed=reason != FINISHED,
    )


def utterance_span(span: CallSpan, each: Traced) -> Described | None:
    """Return the span of one utterance; None if no step of it has a stamp.

    It begins with the speech, counted back from when the last of it was received.
    """
    final = each.final
    events = [(name, at) for name, at in each.stamps.items() if at is not None]
    if not events:
        return None
    times = [at for _, at in events]
    spoken = each.stamps["spoken"]
    speech = seconds(final.end - final.start)
    begin = min(times) if spoken is None else min(*times, spoken - speech)
    attributes: dict[str, AttributeValue] = {
        "callscribe.call.id": each.known.session,
        "callscribe.leg": final.channel,
        "callscribe.utterance.number": final.utterance,
        "callscribe.utterance.seq": final.seq,
        "callscribe.utterance.end_reason": final.reason,
        "callscribe.utterance.speech_seconds": round(speech, 3),
        "callscribe.utterance.text_length": len(final.text),
    }
    if final.language is not None:
        attributes["callscribe.language"] = final.language
    if each.words is not None:
        attributes["callscribe.utterance.words"] = len(each.words)
    for stage, worker in each.workers.items():
        if worker is not None:
            attributes[f"callscribe.{stage}.process"] = worker
    return Described(
        name="utterance",
        span=_id_of(span, final.channel, final.utterance),
        # A recording is received faster than it was spoken.
        begin=max(begin, span.begun) if max(times) >= span.begun else begin,
        end=max(times),
        attributes=attributes,
        events=sorted(events, key=lambda event: event[1]),
        failed=final.failed,
    )


def _id_of(span: CallSpan, channel: int, utterance: int) -> str:
    place = f"{span.trace} {span.span} {channel} {utterance}"
    return blake2b(place.encode(), digest_size=8).hexdigest()
