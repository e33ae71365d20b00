"""How a client of each protocol says what every call needs, and how it reads finals.

A protocol joins the suite by an entry in `CLIENTS`.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from gateway.protocols.commands import AudioFormat

Message = str | bytes
Heard = Sequence[tuple[int, str]]
"""Finals that one message of the server tells: channel and text."""

WIDE = AudioFormat("pcm16", 16_000, 1)
STEREO = AudioFormat("pcm16", 16_000, 2)
NARROW = AudioFormat("mulaw", 8_000, 1)
NARROW_STEREO = AudioFormat("mulaw", 8_000, 2)
_PACKET = 160
"""Samples of 20 ms at 8 kHz."""


def nothing(message: Mapping[str, Any]) -> Heard:
    """Read a message of a server that tells no text."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client of one protocol.

    `query` and `opening` get the call's name, which is a UUID, and the format of its audio; `audio`
    puts bytes of audio into messages. `finish` makes the server end the call; without it the client
    leaves. `flushes` are ways to end the open utterance, each with its messages. `asides` may come
    anywhere, and change nothing. `heard` reads the server's JSON.

    `named`: other systems know the call by its name. `silent`: its results are read elsewhere.
    `replies`: finals come in replies to messages, several in one text. `early`: audio may come
    before the opening. `strange`: what also opens a call whose query says everything (`spelled`).
    """

    formats: Sequence[AudioFormat] = (WIDE,)
    query: Callable[[str, AudioFormat], Mapping[str, Any]] = lambda name, sound: {}
    opening: Callable[[str, AudioFormat], Sequence[Message]] = lambda name, sound: ()
    audio: Callable[[bytes, AudioFormat], Sequence[Message]] = lambda data, sound: (data,)
    flushes: Sequence[Sequence[Message]] = ()
    asides: Sequence[Message] = ()
    finish: Sequence[Message] = ()
    heard: Callable[[Mapping[str, Any]], Heard] = nothing
    named: bool = False
    silent: bool = False
    replies: bool = False
    early: bool = False
    strange: Sequence[Message] = ()
    spelled: Callable[[str, AudioFormat], Mapping[str, Any]] = lambda name, sound: {}

    @property
    def flush(self) -> Sequence[Message]:
        """The usual way to end the open utterance; empty where there is none."""
        return self.flushes[0] if self.flushes else ()

    def path(self, path: str, name: str, sound: AudioFormat, *, strange: bool = False) -> str:
        """Return the path with its query."""
        asked = urlencode((self.spelled if strange else self.query)(name, sound))
        return f"{path}?{asked}" if asked else path


# --- one function for each thing that takes more than a line ---


def _both(*texts: str) -> Sequence[Message]:
    """Return texts, each also as the binary message that some clients send in its place."""
    return [*texts, *(text.encode() for text in texts)]


def _alone(*messages: Message) -> Sequence[Sequence[Message]]:
    """Return ways to end an utterance that have one message each."""
    return [(message,) for message in messages]


def _config(name: str, sound: AudioFormat) -> Sequence[Message]:
    described = {
        "encoding": sound.encoding,
        "sample_rate": sound.sample_rate,
        "channels": sound.channels,
    }
    return (json.dumps({"type": "config", "conversation_id": name, **described}),)


def _native(message: Mapping[str, Any]) -> Heard:
    return [(message["channel"], message["text"])] if message["type"] == "final" else ()


def _listen(name: str, sound: AudioFormat) -> Mapping[str, Any]:
    encoding = {"pcm16": "linear16", "mulaw": "mulaw"}[sound.encoding]
    return {"encoding": encoding, "sample_rate": sound.sample_rate, "channels": sound.channels}


def _mono(name: str, sound: AudioFormat) -> Mapping[str, Any]:
    return {key: value for key, value in _listen(name, sound).items() if key != "channels"}


def _streaming(name: str, sound: AudioFormat) -> Mapping[str, Any]:
    encoding = {"pcm16": "pcm_s16le", "mulaw": "pcm_mulaw"}[sound.encoding]
    return {"encoding": encoding, "sample_rate": sound.sample_rate}


def _results(message: Mapping[str, Any]) -> Heard:
    if message["type"] != "Results" or not message["is_final"]:
        return ()
    alternative = message["channel"]["alternatives"][0]
    return [(message["channel_index"][0], alternative["transcript"])]


def _session(name: str, sound: AudioFormat) -> Sequence[Message]:
    wide = {"type": "audio/pcm", "rate": sound.sample_rate}
    described = wide if sound.encoding == "pcm16" else {"type": "audio/pcmu"}
    session = {"type": "transcription", "audio": {"input": {"format": described}}}
    # The first audio opens the call, even if there is none in it.
    return json.dumps({"type": "session.update", "session": session}), *_append(b"", sound)


def _append(data: bytes, sound: AudioFormat) -> Sequence[Message]:
    encoded = b64encode(data).decode()
    return (json.dumps({"type": "input_audio_buffer.append", "audio": encoded}),)


def _completed(message: Mapping[str, Any]) -> Heard:
    done = message["type"].endswith("input_audio_transcription.completed")
    return [(0, message["transcript"])] if done else ()


def _start(name: str, sound: AudioFormat) -> Sequence[Message]:
    tracks = ["inbound", "outbound"][: sound.channels]
    return (json.dumps({"event": "start", "start": {"callSid": name, "tracks": tracks}}),)


def _media(data: bytes, sound: AudioFormat) -> Sequence[Message]:
    """Twilio's packets have 20 ms; a track that is much ahead of the other is not waited for."""
    tracks = ("inbound", "outbound")[: sound.channels]
    size = _PACKET * sound.channels
    return [
        json.dumps({"event": "media", "media": {"track": track, "payload": encoded}})
        for start in range(0, len(data), size)
        for index, track in enumerate(tracks)
        if (encoded := b64encode(data[start : start + size][index :: sound.channels]).decode())
    ]


def frame(kind: int, payload: bytes = b"") -> bytes:
    """Return one frame of AudioSocket."""
    return bytes([kind]) + len(payload).to_bytes(2, "big") + payload


def _frames(data: bytes, sound: AudioFormat) -> Sequence[Message]:
    longest = 0xFFFF
    return [frame(0x12, data[at : at + longest]) for at in range(0, len(data), longest)]


def _media_start(name: str, sound: AudioFormat) -> Sequence[Message]:
    named = "slin16" if sound.encoding == "pcm16" else "ulaw"
    return (f"MEDIA_START channel_id:{name} format:{named}",)


def _facts(name: str, sound: AudioFormat) -> Mapping[str, Any]:
    mix = "stereo" if sound.channels == 2 else "mono"
    return {"call_id": name, "sample_rate": sound.sample_rate, "mix_type": mix}


def _transcription(message: Mapping[str, Any]) -> Heard:
    data = message["data"]
    return [(data["channel"], data["text"])] if message["type"] == "transcription" else ()


def _line(message: Mapping[str, Any]) -> Heard:
    said: str = message["line"]
    return [] if said.startswith("error: ") else [(0, said.split(" ", 2)[2])]


def _vosk(message: Mapping[str, Any]) -> Heard:
    return [(0, message["text"])] if "text" in message else ()


_RECORD, _STOP = '{"type": "start_recording"}', '{"type": "stop_recording"}'
_COMMIT, _CLEAR = (f'{{"type": "input_audio_buffer.{each}"}}' for each in ("commit", "clear"))
_VOSK = Client(
    opening=lambda name, sound: ('{"config": {"sample_rate": 16000}}',),
    flushes=_alone(*_both('{"reset" : 1}')),
    finish=('{"eof" : 1}',),
    heard=_vosk,
    replies=True,
)

CLIENTS: Mapping[str, Client] = {
    "native": Client(
        formats=(WIDE, STEREO, NARROW, NARROW_STEREO),
        opening=_config,
        flushes=_alone(*_both('{"type": "flush"}')),
        finish=('{"type": "finalize"}',),
        heard=_native,
        named=True,
    ),
    "transcribe": Client(
        opening=lambda name, sound: (_RECORD,),
        flushes=((_STOP, _RECORD), (_STOP.encode(), _RECORD.encode())),
        heard=lambda m: [(0, m["text"])] if m["type"] == "transcription" else (),
    ),
    "deepgram": Client(
        formats=(WIDE, STEREO, NARROW, NARROW_STEREO),
        query=_listen,
        flushes=_alone(*_both('{"type": "Finalize"}')),
        asides=_both('{"type":"KeepAlive"}', ' { "type" : "KeepAlive" }\n'),
        finish=('{"type": "CloseStream"}',),
        heard=_results,
    ),
    "flux": Client(
        formats=(WIDE, NARROW),
        query=lambda name, sound: {"model": "flux-general-en", **_mono(name, sound)},
        flushes=_alone(*_both('{"type": "ForceEndTurn"}')),
        asides=_both('{"type": "Configure"}'),
        finish=('{"type": "CloseStream"}',),
        heard=lambda m: [(0, m["transcript"])] if m.get("event") == "EndOfTurn" else (),
    ),
    "assemblyai": Client(
        formats=(WIDE, NARROW),
        query=_streaming,
        flushes=_alone(*_both('{"type": "ForceEndpoint"}')),
        asides=_both('{"type":"KeepAlive"}', '{"type": "UpdateConfiguration"}'),
        finish=('{"type": "Terminate"}',),
        heard=lambda m: [(0, m["transcript"])] if m.get("end_of_turn") else (),
    ),
    "openai_realtime": Client(
        formats=(WIDE, NARROW),
        opening=_session,
        audio=_append,
        flushes=((_COMMIT,), (_COMMIT, _CLEAR), (_COMMIT.encode(), _CLEAR.encode())),
        asides=_both('{"type": "session.update", "session": {}}'),
        heard=_completed,
    ),
    "stream_tcp": Client(heard=_line),
    "stream_ws": Client(
        flushes=_alone(*_both("flush", " flush\n")),
        heard=lambda m: [(0, m["text"])] if m["type"] == "final" else (),
    ),
    "vosk": _VOSK,
    "vosk_ws": _VOSK,
    "twilio": Client(
        formats=(NARROW, NARROW_STEREO),
        opening=_start,
        audio=_media,
        asides=_both('{"event": "mark"}', '{"event": "dtmf", "dtmf": {"digit": "5"}}'),
        finish=('{"event": "stop"}',),
        named=True,
        silent=True,
        early=True,
    ),
    "audiosocket": Client(
        opening=lambda name, sound: (frame(0x01, UUID(name).bytes),),
        audio=_frames,
        asides=[frame(0x03, digit) for digit in (b"5", b"#")],
        finish=(frame(0x00),),
        named=True,
        silent=True,
    ),
    "asterisk": Client(
        formats=(WIDE, NARROW),
        opening=_media_start,
        asides=_both("DTMF_END digit:5", '{"event": "MEDIA_XOFF"}'),
        finish=("HANGUP",),
        named=True,
        silent=True,
        early=True,
    ),
    "audiofork": Client(
        formats=(WIDE, STEREO),
        opening=lambda name, sound: (json.dumps(_facts(name, sound)),),
        asides=_both('{"event": "dtmf", "digit": "5"}', '{"hello": 1}'),
        heard=_transcription,
        named=True,
        strange=("abc", "", '"4711"', "[1,2]", '{"language": 7, "keywords": {"hello": 1}}'),
        spelled=_facts,
    ),
}


@dataclass(frozen=True, slots=True)
class Told:
    """Everything that one call's client heard, and how its connection ended."""

    finals: list[tuple[int, str]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    def text(self, channel: int = 0) -> str:
        """Return the text of one channel."""
        return " ".join(text for said_on, text in self.finals if said_on == channel and text)
