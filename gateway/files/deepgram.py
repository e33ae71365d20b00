"""Files as Deepgram's clients send them: ``POST /v1/listen``, the file as the body."""

import json
from collections.abc import Sequence
from typing import Any

from common.audio import rounded_seconds
from common.languages import code_of
from common.options import SessionOptions
from common.pipeline.text import TimedWord
from gateway.files.refusal import bad_request
from gateway.files.transcript import Answer, Asked, Fields, Form, Raw, Transcript
from gateway.protocols.deepgram import messages, parameters
from gateway.protocols.deepgram.codec import denial
from gateway.protocols.deepgram.messages import Body, alternative
from gateway.protocols.deepgram.wording import Wording
from gateway.protocols.events import Final
from gateway.protocols.options import with_changes
from gateway.protocols.query import flag
from gateway.protocols.stretches import Stretch, main_speaker, of_speaker, speaker_at


def read(given: Fields, defaults: SessionOptions) -> Asked:
    """See `Form`; the parameters are those of the URL."""
    if "callback" in given:
        text = "callback is not offered here: the answer to this request is the transcript"
        raise bad_request("invalid_parameter", text)
    options = with_changes(
        parameters.recognition(given, defaults),
        {"interim_results": False, "diarize": parameters.diarized(given)},
    )
    utterances, wording = flag(given, "utterances"), parameters.wording(given)
    return Asked(
        options=options,
        apart=flag(given, "multichannel"),
        raw=_raw(given),
        answer=lambda whole: _answer(whole, wording, utterances=utterances),
    )


def refuse(status: int, code: str, message: str) -> Answer:
    """Return an error in Deepgram's form."""
    said = denial(status, message)
    return Answer(said.content_type, said.body)


def _raw(given: Fields) -> Raw | None:
    """Return the format of raw audio; other encodings are those of containers, which tell them."""
    if (given.get("encoding") or ("",))[-1] not in parameters.ENCODINGS:
        return None
    if not given.get("sample_rate"):
        return None
    audio = parameters.audio(given)
    return Raw(audio.encoding, audio.sample_rate, audio.channels)


def _answer(whole: Transcript, wording: Wording, *, utterances: bool) -> Answer:
    metadata = messages.metadata(
        whole.request,
        created=whole.created,
        sha256=whole.sha256,
        duration=whole.duration,
        channels=whole.channels,
    )
    del metadata["type"]
    if whole.warnings:
        kinds = {"damaged_audio": whole.remarks, "utterance_failed": whole.unrecognised}
        metadata["warnings"] = [
            {"parameter": "audio", "type": kind, "message": text}
            for kind, texts in kinds.items()
            for text in texts
        ]
    speakers = [_speakers(whole, channel) for channel in range(whole.channels)]
    results: Body = {
        "channels": [_channel(whole, wording, *each) for each in enumerate(speakers)],
    }
    if utterances:
        results["utterances"] = [
            _utterance(whole, wording, each, speakers[each.channel])
            for each in whole.finals
            if each.text
        ]
    return _json({"metadata": metadata, "results": results})


def _channel(
    whole: Transcript, wording: Wording, channel: int, speakers: Sequence[Stretch]
) -> Body:
    finals = [final for final in whole.finals if final.channel == channel and final.text]
    language = whole.spoken_language
    words = [word for final in finals for word in _words(final)]
    best = alternative(
        wording.text(whole.text(channel), language),
        wording.words(words, language),
        float(bool(finals)),
        speakers=speakers,
    )
    body: Body = {"alternatives": [best]}
    if whole.language is None and (heard := whole.spoken_language):
        body["detected_language"] = code_of(heard)
        if (sure := whole.language_confidence) is not None:
            body["language_confidence"] = round(sure, 4)
    return body


def _utterance(
    whole: Transcript, wording: Wording, final: Final, speakers: Sequence[Stretch]
) -> Body:
    language = final.language or whole.language
    text = wording.text(final.text, language)
    said = alternative(text, wording.words(_words(final), language), 1.0, speakers=speakers)
    speaker = main_speaker(final.speakers)
    if speaker is None:
        speaker = speaker_at(speakers, final.start, final.end)
    return {
        "start": rounded_seconds(final.start),
        "end": rounded_seconds(final.end),
        "confidence": said["confidence"],
        "channel": final.channel,
        "transcript": text,
        "words": said["words"],
        "id": f"{whole.request}-{final.channel}-{final.utterance}",
    } | of_speaker(speaker)


def _speakers(whole: Transcript, channel: int) -> list[Stretch]:
    """Return who speaks where on a channel; what is too short to tell goes by the nearest."""
    return [each for final in whole.finals if final.channel == channel for each in final.speakers]


def _words(final: Final) -> tuple[TimedWord, ...]:
    return final.words or ()


def _json(body: dict[str, Any]) -> Answer:
    return Answer("application/json", json.dumps(body, ensure_ascii=False).encode())


FORM = Form(path="/v1/listen", read=read, refuse=refuse, bare=True)
