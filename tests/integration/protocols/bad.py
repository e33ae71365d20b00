"""What a client of each protocol may say wrong, and what becomes of its call."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from tests.integration.protocols.clients import Message, frame

NESTED = "[" * 50_000
DIGITS = "1" * 5_000
LONE = '{"type": "\\ud800"}'
NONSENSE: Sequence[Message] = ("hello", "[1]", "{}", '{"type": "dance"}', NESTED, DIGITS, LONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """Messages that a protocol does not allow.

    Each of `first` ends a connection that has no call; each of `fatal` ends a call, whose words are
    kept; each of `harmless` changes nothing of the call. `queries` are refused with status 400.
    """

    first: Sequence[Message] = ()
    fatal: Sequence[Message] = ()
    harmless: Sequence[Message] = ()
    queries: Sequence[str] = ()


def _text(**body: object) -> str:
    return json.dumps(body)


def _config(**body: object) -> str:
    return _text(type="config", **body)


def _append(**body: object) -> str:
    return _text(type="input_audio_buffer.append", **body)


def _update(session: object) -> str:
    return _text(type="session.update", session=session)


def _twilio_start(**start: object) -> str:
    return _text(event="start", start=start)


def _media(**media: object) -> str:
    return _text(event="media", media=media)


_VOSK = Bad(
    first=(
        *NONSENSE,
        '{"config": 1}',
        '{"config": {"sample_rate": "fast"}}',
        '{"config": {"phrase_list": 7}}',
        '{"config": {"max_alternatives": 3}}',
    ),
    fatal=NONSENSE,
    harmless=('{"config": {"sample_rate": 8000}}',),
)
_FLUX = "model=flux-general-en&encoding=linear16&sample_rate=16000"
BAD: Mapping[str, Bad] = {
    "native": Bad(
        first=(
            *NONSENSE,
            bytes(320),
            '{"type": "flush"}',
            _config(tempo=2),
            _config(sample_rate="8000"),
            _config(channels=3),
            _config(language="Englisch"),
            _config(resume="nobody.secret"),
            _config(channel_labels=["one", "two"]),
        ),
        harmless=(*NONSENSE, _config(sample_rate=8_000), _config(vad_threshold=[])),
    ),
    "transcribe": Bad(
        harmless=(
            *NONSENSE,
            '{"type": "start_recording"}',
            '{"type": "start_recording", "config": {"sample_rate": 1}}',
            '{"type": "start_recording", "config": 7}',
        ),
    ),
    "deepgram": Bad(
        queries=(
            "encoding=vorbis&sample_rate=48000",
            "encoding=linear16",
            "encoding=linear16&sample_rate=16_000",
            "encoding=linear16&sample_rate=16000&channels=9",
            "encoding=linear16&sample_rate=16000&language=tlh",
            "encoding=linear16&sample_rate=16000&interim_results=maybe",
            "encoding=linear16&sample_rate=16000&utterance_end_ms=-1",
        ),
        harmless=(*NONSENSE, '{"type": "Configure", "keyterms": 7}'),
    ),
    "flux": Bad(
        queries=(
            "model=nova-3&encoding=linear16&sample_rate=16000",
            f"{_FLUX}&eot_threshold=2",
            f"{_FLUX}&eager_eot_threshold=0.9",
            f"{_FLUX}&eot_timeout_ms=soon",
            "model=flux-general-en&encoding=vorbis&sample_rate=16000",
            "model=flux-general-en&encoding=linear16",
        ),
        fatal=(*NONSENSE, '{"type": "KeepAlive"}'),
        harmless=('{"type": "Configure", "keyterms": 7}',),
    ),
    "assemblyai": Bad(
        queries=(
            "encoding=pcm_s16le",
            "encoding=vorbis&sample_rate=16000",
            "sample_rate=16000&keyterms_prompt=Dashwood",
            "sample_rate=16000&max_turn_silence=-1",
            "sample_rate=16000&language_codes=%5B%22tlh%22%5D",
        ),
        fatal=(*NONSENSE, '{"type": "UpdateConfiguration", "vad_threshold": "high"}'),
    ),
    "openai_realtime": Bad(
        harmless=(
            *NONSENSE,
            bytes(320),
            _append(),
            _append(audio=7),
            _append(audio="!!!"),
            _append(audio="\N{LATIN SMALL LETTER E WITH ACUTE}"),
            _update(None),
            _update({"type": "realtime"}),
            _update({"audio": {"input": {"format": {"type": "audio/pcmu"}}}}),
            _update({"audio": {"input": {"turn_detection": {"threshold": 2}}}}),
        ),
    ),
    "stream_tcp": Bad(),
    "stream_ws": Bad(harmless=NONSENSE),
    "vosk": _VOSK,
    "vosk_ws": _VOSK,
    "twilio": Bad(
        first=(
            *(each for each in NONSENSE if each not in ("{}", '{"type": "dance"}', LONE)),
            bytes(160),
            _twilio_start(callSid=7),
            _twilio_start(tracks=["sideways"]),
            _twilio_start(mediaFormat={"encoding": "audio/opus"}),
            _twilio_start(customParameters=7),
            '{"event": "start"}',
        ),
        fatal=(bytes(160),),
        harmless=(
            *NONSENSE,
            _twilio_start(callSid="again"),
            _media(payload="!!!"),
            _media(payload=7),
            _media(track="sideways", payload=""),
            _media(timestamp="-5", payload=""),
            _text(event="dtmf", dtmf={"digit": "55"}),
            '{"event": "media"}',
        ),
    ),
    "audiosocket": Bad(
        first=(
            b"GET / HTTP/1.1\r\n\r\n",
            frame(0x10, bytes(320)),
            frame(0x01, b"short"),
            frame(0x42),
            frame(0x01, bytes(16)) + frame(0x00),
        ),
        harmless=(
            frame(0x01, UUID(int=1).bytes),
            *(frame(0x03, digit) for digit in (b"five", b"f", b"E", b"")),
            frame(0x42),
            frame(0x19, bytes(640)),
        ),
    ),
    "asterisk": Bad(
        first=(
            '{"event": "DTMF_END"',
            "MEDIA_START",
            "MEDIA_START format:opus",
            '{"event": "MEDIA_START", "format": "slin16", "channel_variables": 7}',
        ),
        harmless=(*NONSENSE, "MEDIA_START format:slin16", "DTMF_END digit:55"),
    ),
    "audiofork": Bad(
        harmless=(*NONSENSE, '{"event": "dtmf", "digit": "55"}'),
    ),
}
