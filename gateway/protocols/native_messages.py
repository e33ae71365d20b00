"""The native protocol's messages to clients, as JSON-able values; readers of calls get them too."""

from collections.abc import Sequence
from typing import Any

from common.audio import rounded_seconds
from common.pipeline.text import Hidden, TimedWord
from gateway.endpointing.presets import PRESETS
from gateway.protocols.commands import Open
from gateway.protocols.events import (
    Answer,
    AudioAck,
    Created,
    Dtmf,
    Ended,
    Event,
    Failed,
    Final,
    Gap,
    GoingAway,
    Heard,
    Keyword,
    Lag,
    LineTrouble,
    Overlap,
    Partial,
    Resumed,
    SpeakerRevision,
    SpeechEnded,
    SpeechStarted,
    Turn,
    Words,
)
from gateway.protocols.stretches import Stretch, main_speaker, of_speaker, speaker_at


def messages(opened: Open, event: Event, now: float) -> Sequence[dict[str, Any]]:
    """Translate an event of a call that was opened so; `now` is in seconds since 1970."""
    match event:
        case Created(session_id, token):
            return [_created(opened, session_id, token)]
        case Resumed():
            going_on = {"position": event.position, "seq": event.seq}
            created = _created(opened, event.session_id, event.resume_token)
            ended = {"ended": True} if event.ended else {}
            return [{**created, "resumed": True, **going_on, "controls": event.controls, **ended}]
        case Partial():
            return [_labelled(opened, _partial(event, now))] if event.text else []
        case Final():
            return _final(opened, event, now)
        case Words():
            return [_labelled(opened, _words(event, now))]
        case SpeechStarted() | SpeechEnded() | Gap() | Dtmf() | LineTrouble():
            return _if_wanted(opened, _speech(event, now))
        case SpeakerRevision():
            return [_labelled(opened, _revision(event, now))]
        case Answer():
            return _if_wanted(opened, _answer(event, now))
        case Turn():
            return _if_wanted(opened, _turn(event, now))
        case Overlap():
            return _if_wanted(opened, _overlap(event, now))
        case Keyword():
            return _if_wanted(opened, _keyword(event, now))
        case AudioAck(position):
            return _if_wanted(opened, {"type": "audio_ack", "position": position})
        case Lag(channel, behind):
            lag = {"type": "lag", "channel": channel, "seconds": round(behind, 3)}
            return _if_wanted(opened, lag)
        case GoingAway(resume_within):
            text = "the server restarts; resume with the resume token"
            error = {"type": "error", "code": "going_away", "message": text}
            return [{**error, "resume_within": resume_within}]
        case Failed(code, text, _, retry_after):
            error = {"type": "error", "code": code, "message": text}
            return [error if retry_after is None else error | {"retry_after": retry_after}]
        case Heard() | Ended():
            return []


def _if_wanted(opened: Open, message: dict[str, Any]) -> Sequence[dict[str, Any]]:
    return [_labelled(opened, message)] if message["type"] in opened.events else []


def _labelled(opened: Open, message: dict[str, Any]) -> dict[str, Any]:
    """Add the label of the message's channel, where channels have labels."""
    if opened.about.labels and "channel" in message:
        message["label"] = opened.about.labels[message["channel"]]
    return message


def _created(opened: Open, session_id: str, token: str) -> dict[str, Any]:
    message: dict[str, Any] = {"type": "session_created"}
    message |= {"session_id": session_id, "resume_token": token}
    if opened.about.labels:
        message["channel_labels"] = opened.about.labels
    if opened.about.conversation:
        message["conversation_id"] = opened.about.conversation
    if preset := PRESETS.get(opened.options.endpointing):
        message["options"] = {name: getattr(opened.options, name) for name in preset}
    return message


def _final(opened: Open, event: Final, now: float) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    if event.failed:
        start, end = rounded_seconds(event.start), rounded_seconds(event.end)
        text = (
            f"utterance {event.utterance} of channel {event.channel} "
            f"({start:g} s to {end:g} s) could not be recognised"
        )
        text += f": {event.trouble}" if event.trouble else ""
        messages.append({"type": "error", "code": "utterance_failed", "message": text})
    # An empty final is sent only to a client that asked for one: silence sends nothing.
    if event.text or event.reason in ("flush", "finish"):
        message = _transcript("final", event, now)
        message |= {"is_speech_final": True, "seq": event.seq, "stable": len(event.text)}
        if event.language_confidence is not None:
            message["language_confidence"] = round(event.language_confidence, 4)
        message |= {"redacted": [_hidden(each) for each in event.hidden]} if event.hidden else {}
        message |= _speakers(event.speakers) | _final_words(event) | event.timed
        messages.append(_labelled(opened, message))
    return messages


def _hidden(each: Hidden) -> dict[str, Any]:
    start, end = rounded_seconds(each.start), rounded_seconds(each.end)
    return {"entity": each.entity, "start": start, "end": end}


def _partial(event: Partial, now: float) -> dict[str, Any]:
    return _transcript("partial", event, now) | {"stable": event.stable}


def _transcript(kind: str, event: Partial | Final, now: float) -> dict[str, Any]:
    said = {"type": kind, "language": event.language, "text": event.text}
    return said | _place(event, now)


def _place(event: Partial | Final | Words | Turn | Answer | Keyword, now: float) -> dict[str, Any]:
    return {
        "timestamp": round(now, 3),
        "utterance": event.utterance,
        "channel": event.channel,
        "start": rounded_seconds(event.start),
        "end": rounded_seconds(event.end),
    }


def _final_words(event: Final) -> dict[str, Any]:
    """Tell of the words of an utterance that was recognised with them; nothing of another."""
    if event.words is None and not event.words_pending and not event.unavailable:
        return {}
    fields: dict[str, Any] = {"words": _listed(event.words, event.speakers)}
    if event.words_pending:
        fields["words_pending"] = True
    if event.unavailable:
        fields["words_unavailable"] = event.unavailable
    return fields


def _words(event: Words, now: float) -> dict[str, Any]:
    message = {"type": "words"} | _place(event, now)
    message |= {"seq": event.seq, "words": _listed(event.words, event.speakers)}
    return message | ({"words_unavailable": event.unavailable} if event.unavailable else {})


def _listed(
    words: Sequence[TimedWord] | None, speakers: Sequence[Stretch]
) -> list[dict[str, Any]] | None:
    return None if words is None else [_word(word, speakers) for word in words]


def _speech(
    event: SpeechStarted | SpeechEnded | Gap | Dtmf | LineTrouble, now: float
) -> dict[str, Any]:
    message: dict[str, Any] = {"channel": event.channel}
    match event:
        case Dtmf(_, at, digit):
            return {"type": "dtmf", **message, "digit": digit, "at": rounded_seconds(at)}
        case LineTrouble(_, at, problem, level):
            place = {"at": rounded_seconds(at), "level": level}
            return {"type": "line", **message, "problem": problem, **place}
    message["start"] = rounded_seconds(event.start)
    match event:
        case SpeechStarted():
            message |= {"type": "speech_started", "utterance": event.utterance}
            message |= {"at": rounded_seconds(event.at), "timestamp": round(now, 3)}
        case SpeechEnded():
            message |= {"type": "speech_ended", "utterance": event.utterance}
            message |= {"end": rounded_seconds(event.end), "at": rounded_seconds(event.at)}
            message |= {"reason": event.reason, "timestamp": round(now, 3)}
        case Gap():
            message |= {"type": "gap", "end": rounded_seconds(event.end)}
    return message


def _answer(event: Answer, now: float) -> dict[str, Any]:
    message = {"type": "slot"} | _place(event, now) | {"slot": event.first}
    message |= {"question": event.question} if event.question else {}
    message |= {"expected": event.kind, "value": event.value, "raw": event.raw}
    message |= {"valid": event.valid, "complete": event.complete, "is_final": event.final}
    message |= {"confidence": list(event.sure)} if event.sure else {}
    return message | ({"alternatives": list(event.alternatives)} if event.alternatives else {})


def _turn(event: Turn, now: float) -> dict[str, Any]:
    message = {"type": f"turn_{event.kind}"} | _place(event, now)
    message |= {"turn": event.turn, "step": event.step, "at": rounded_seconds(event.at)}
    message |= {"text": event.transcript, "language": event.language}
    message["confidence"] = round(event.confidence, 3)
    message["backchannel"] = event.backchannel
    message |= {"voiced": rounded_seconds(event.voiced)} if event.voiced else {}
    message |= {"evidence": event.evidence} if event.evidence else {}
    if event.word_confidence is not None:
        message["word_confidence"] = round(event.word_confidence, 4)
    return message | ({"reason": event.reason} if event.reason else {})


def _overlap(event: Overlap, now: float) -> dict[str, Any]:
    message = {"type": "turn_overlap", "timestamp": round(now, 3)}
    message |= {"channel": event.channel, "turn": event.turn}
    message |= {"other_channel": event.other_channel, "other_turn": event.other_turn}
    place = {"start": event.start, "end": event.end, "at": event.at}
    message |= {name: rounded_seconds(position) for name, position in place.items()}
    return message | {"backchannel": event.backchannel, "interrupted": event.interrupted}


def _keyword(event: Keyword, now: float) -> dict[str, Any]:
    said = {"keyword": event.keyword, "text": event.text, "offset": event.offset}
    return {"type": "keyword"} | _place(event, now) | said


def _word(word: TimedWord, speakers: Sequence[Stretch]) -> dict[str, Any]:
    return {
        "word": word.text,
        "start": rounded_seconds(word.start),
        "end": rounded_seconds(word.end),
        "probability": round(word.probability, 4),
    } | of_speaker(speaker_at(speakers, word.start, word.end))


def _speakers(stretches: Sequence[Stretch]) -> dict[str, Any]:
    """Tell who speaks most of an utterance, and who where; nothing where nobody is known."""
    if not stretches:
        return {}
    told = [
        {"speaker": speaker, "start": rounded_seconds(start), "end": rounded_seconds(end)}
        for start, end, speaker in stretches
    ]
    return {"speaker": main_speaker(stretches), "speakers": told}


def _revision(event: SpeakerRevision, now: float) -> dict[str, Any]:
    message = {"type": "speaker_revision", "timestamp": round(now, 3), "channel": event.channel}
    changed = [
        {"utterance": utterance, **_speakers(stretches)}
        for utterance, stretches in event.changed.items()
    ]
    return message | {"revision": event.number, "utterances": changed}
