"""What is sent: messages and their parts, as Deepgram's clients read them.

Times are in seconds of the call, from positions at 16 kHz.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from statistics import fmean
from typing import Any

from common.audio import rounded_seconds
from common.languages import code_of
from common.pipeline.text import TimedWord
from gateway.protocols.deepgram.wording import bare
from gateway.protocols.stretches import Stretch, of_speaker, speaker_at

Body = dict[str, Any]

MODEL_UUID = "00000000-0000-0000-0000-000000000000"
"""There is none: a deployment has one model, whatever the client asks for."""
MODEL_INFO: Mapping[str, str] = {
    "name": "callscribe",
    "version": version("callscribe"),
    "arch": "callscribe",
}


def alternative(
    text: str,
    words: Sequence[TimedWord],
    certain: float,
    language: str | None = None,
    *,
    speakers: Sequence[Stretch] = (),
) -> Body:
    """Return one alternative of a channel; `speakers` are those of its words, in their order.

    Its confidence is the mean of its words'. Without words it is `certain`: the share of the text
    that will not change.
    """
    confidence = fmean(word.probability for word in words) if words else certain
    body: Body = {
        "transcript": text,
        "confidence": round(confidence, 4),
        "words": [_word(word, speakers) for word in words],
    }
    if language is not None:
        body["languages"] = [code_of(language)]
    return body


def results(
    request_id: str,
    channel: Sequence[int],
    span: tuple[int, int],
    best: Body,
    *,
    is_final: bool,
    speech_final: bool,
    from_finalize: bool = False,
) -> Body:
    """Return a result of live audio; `channel` is its index and how many there are."""
    start, end = span
    return {
        "type": "Results",
        "channel_index": [*channel],
        "start": rounded_seconds(start),
        "duration": rounded_seconds(end - start),
        "is_final": is_final,
        "speech_final": speech_final,
        "from_finalize": from_finalize,
        "channel": {"alternatives": [best]},
        "metadata": {
            "request_id": request_id,
            "model_uuid": MODEL_UUID,
            "model_info": {**MODEL_INFO},
        },
    }


def metadata(request_id: str, *, created: float, sha256: str, duration: int, channels: int) -> Body:
    """Return what is told of a request as a whole.

    `created` is in seconds since the Unix epoch, `sha256` the digest of the audio in hexadecimal
    digits, `duration` in samples at 16 kHz.
    """
    at = datetime.fromtimestamp(created, UTC).isoformat(timespec="milliseconds")
    return {
        "type": "Metadata",
        "transaction_key": "deprecated",
        "request_id": request_id,
        "sha256": sha256,
        "created": at.replace("+00:00", "Z"),
        "duration": rounded_seconds(duration),
        "channels": channels,
        "models": [MODEL_UUID],
        "model_info": {MODEL_UUID: {**MODEL_INFO}},
    }


def _word(word: TimedWord, speakers: Sequence[Stretch]) -> Body:
    text = word.text.strip()
    return {
        "word": bare(text),
        "start": rounded_seconds(word.start),
        "end": rounded_seconds(word.end),
        "confidence": round(word.probability, 4),
        "punctuated_word": text,
    } | of_speaker(speaker_at(speakers, word.start, word.end))
