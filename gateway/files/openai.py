"""Files as OpenAI's clients send them: ``POST /v1/audio/transcriptions``.

The fields and the answers are those of https://platform.openai.com/docs/api-reference/audio. What a
recogniser of ours does not know (tokens, temperature) has a value of the right type.
"""

import json
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from common.audio import rounded_seconds, seconds
from common.options import SessionOptions
from common.pipeline.text import TimedWord
from gateway.files.refusal import bad_request
from gateway.files.transcript import Answer, Asked, Fields, Form, Transcript
from gateway.protocols import fields
from gateway.protocols.events import Final
from gateway.protocols.options import readers, with_changes
from gateway.protocols.stretches import main_speaker, speaker_at
from gateway.transcripts.captions import Caption, srt, vtt

_SEGMENT, _WORD = "segment", "word"
_STREAM = "text/event-stream"
_CONTEXT = readers(("context",))["context"]


def read(given: Fields, defaults: SessionOptions) -> Asked:
    """See `Form`."""
    form = fields.one_of(_FORMS)("response_format", _last(given, "response_format") or "json")
    granularities = [
        fields.one_of((_SEGMENT, _WORD))("timestamp_granularities[]", each)
        for name in ("timestamp_granularities[]", "timestamp_granularities")
        for each in given.get(name, ())
        if each
    ] or [_SEGMENT]
    stream = _last(given, "stream").lower()
    fields.one_of(("true", "false", "1", "0", ""))("stream", stream)
    timed = form in ("srt", "vtt") or (form == "verbose_json" and _WORD in granularities)
    changes: dict[str, Any] = {
        "words": timed,
        "interim_results": False,
        "diarize": form == "diarized_json",
    }
    if "language" in given:
        changes["language"] = fields.language("language", _last(given, "language"))
    if prompt := _last(given, "prompt"):
        changes["context"] = _CONTEXT("prompt", prompt)
    options = with_changes(defaults, changes)
    if stream in ("true", "1"):
        if form not in ("json", "text"):
            raise bad_request("invalid_option", f"stream: not together with {form}")
        return Asked(options=options, answer=_done, delta=_delta)
    if form == "verbose_json":
        return Asked(options=options, answer=lambda whole: _verbose(whole, granularities))
    return Asked(options=options, answer=_FORMS[form])


def refuse(status: int, code: str, message: str) -> Answer:
    """Return an error in OpenAI's form."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    if status == 429:
        kind = "rate_limit_error"
    return _json({"error": {"message": message, "type": kind, "param": None, "code": code}})


def _plain(whole: Transcript) -> Answer:
    return _json({"text": whole.text(), "usage": _usage(whole)})


def _text(whole: Transcript) -> Answer:
    return Answer("text/plain", f"{whole.text()}\n".encode())


def _srt(whole: Transcript) -> Answer:
    return Answer("application/x-subrip", srt(map(_caption, whole.finals)).encode())


def _vtt(whole: Transcript) -> Answer:
    return Answer("text/vtt", vtt(map(_caption, whole.finals)).encode())


def _verbose(whole: Transcript, granularities: Sequence[str] = (_SEGMENT,)) -> Answer:
    body: dict[str, Any] = {
        "task": "transcribe",
        "language": (whole.spoken_language or "unknown").lower(),
        "duration": rounded_seconds(whole.duration),
        "text": whole.text(),
        "usage": _usage(whole),
    }
    said = [final for final in whole.finals if final.text]
    if _WORD in granularities:
        body["words"] = [_word(word) for final in said for word in final.words or ()]
    if _SEGMENT in granularities:
        body["segments"] = [_segment(number, final) for number, final in enumerate(said)]
    if whole.warnings:
        body["warnings"] = whole.warnings
    return _json(body)


def _diarized(whole: Transcript) -> Answer:
    speakers = [stretch for final in whole.finals for stretch in final.speakers]
    segments = []
    for number, final in enumerate(each for each in whole.finals if each.text):
        speaker = main_speaker(final.speakers)
        if speaker is None:
            speaker = speaker_at(speakers, final.start, final.end)
        segments.append(
            {
                "type": "transcript.text.segment",
                "id": f"seg_{number}",
                "start": rounded_seconds(final.start),
                "end": rounded_seconds(final.end),
                "text": final.text,
                "speaker": _letters(speaker or 0),
            }
        )
    body: dict[str, Any] = {
        "task": "transcribe",
        "duration": rounded_seconds(whole.duration),
        "text": whole.text(),
        "segments": segments,
        "usage": _usage(whole),
    }
    if whole.warnings:
        body["warnings"] = whole.warnings
    return _json(body)


def _letters(speaker: int) -> str:
    """Return what OpenAI calls a speaker: A to Z, AA and so on."""
    rest, last = divmod(speaker, 26)
    return (_letters(rest - 1) if rest else "") + chr(ord("A") + last)


_FORMS: Mapping[str, Callable[[Transcript], Answer]] = {
    "json": _plain,
    "text": _text,
    "srt": _srt,
    "vtt": _vtt,
    "verbose_json": _verbose,
    "diarized_json": _diarized,
}


def _delta(text: str) -> bytes:
    return _event({"type": "transcript.text.delta", "delta": text})


def _done(whole: Transcript) -> Answer:
    done = {"type": "transcript.text.done", "text": whole.text(), "usage": _usage(whole)}
    return Answer(_STREAM, _event(done))


def _event(body: Mapping[str, object]) -> bytes:
    return b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n"


def _segment(number: int, final: Final) -> dict[str, Any]:
    text = final.text.encode()
    chances = [max(word.probability, 1e-6) for word in final.words or ()]
    return {
        "id": number,
        "seek": 0,
        "start": rounded_seconds(final.start),
        "end": rounded_seconds(final.end),
        "text": final.text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": round(sum(map(math.log, chances)) / max(1, len(chances)), 4),
        "compression_ratio": round(len(text) / len(zlib.compress(text)), 4),
        "no_speech_prob": 0.0,
    }


def _word(word: TimedWord) -> dict[str, Any]:
    return {
        "word": word.text.strip(),
        "start": rounded_seconds(word.start),
        "end": rounded_seconds(word.end),
    }


def _caption(final: Final) -> Caption:
    words = [(seconds(word.start), seconds(word.end)) for word in final.words or ()]
    return Caption(seconds(final.start), seconds(final.end), final.text, words=words)


def _usage(whole: Transcript) -> dict[str, object]:
    return {"type": "duration", "seconds": math.ceil(seconds(whole.duration))}


def _last(given: Fields, name: str) -> str:
    values = given.get(name)
    return values[-1] if values else ""


def _json(body: Mapping[str, object]) -> Answer:
    return Answer("application/json", json.dumps(body, ensure_ascii=False).encode())


FORM = Form(path="/v1/audio/transcriptions", read=read, refuse=refuse, parts=("file",))
