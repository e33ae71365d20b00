"""What clients may send: dialogues of every protocol and HTTP requests, mutated, and plain junk."""

import json
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from gateway.protocols.commands import AudioFormat
from tests.integration.protocols.bad import BAD
from tests.integration.protocols.clients import CLIENTS, Message, frame

NAME = str(UUID(int=7))
MOST_MUTATIONS = 4

endless = partial(settings, database=None, deadline=None, suppress_health_check=list(HealthCheck))
"""Of a run that may take as long as it needs, and is told by its seed alone."""

_AUDIO = bytes(range(0, 256, 2)) * 5
_WORDS = (
    *("type", "event", "config", "start", "media", "session", "audio", "payload", "reset", "eof"),
    *("sample_rate", "channels", "callSid", "customParameters", "resume", "seq", "events"),
    *("input_audio_buffer.commit", "input_audio_buffer.clear", "session.update", "Configure"),
    *("KeepAlive", "stop_recording", "flush", "finalize", "DTMF_END", "HANGUP", "digit", "dtmf"),
)
_NASTY = ("", "\x00", "\ud800", "0" * 5_000, "[" * 2_000, "1e999", "NaN", "-1", "é", "null")

texts = st.text(max_size=40) | st.sampled_from(_WORDS + _NASTY)
scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | texts
values: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
junk: st.SearchStrategy[Message] = (
    texts
    | st.binary(max_size=60)
    | values.map(lambda value: json.dumps(value))
    | st.dictionaries(st.sampled_from(_WORDS), values, max_size=3).map(json.dumps)
    | st.builds(frame, st.sampled_from([0, 1, 3, 16, 18, 24, 255]), st.binary(max_size=40))
)


def valid(name: str, sound: AudioFormat) -> list[Message]:
    """Return a whole call of a protocol in a few messages."""
    client = CLIENTS[name]
    audio = [*client.audio(_AUDIO, sound)]
    said = [*client.opening(NAME, sound), *audio, *audio, *client.flush, *audio, *client.finish]
    return [*said, *client.finish]


@st.composite
def dialogues(draw: st.DrawFn, name: str) -> list[Message]:
    """Draw the messages of a client of one protocol, of which some are not what they should be."""
    sound = draw(st.sampled_from(list(CLIENTS[name].formats)))
    messages = valid(name, sound)
    for _ in range(draw(st.integers(0, MOST_MUTATIONS))):
        at = draw(st.integers(0, len(messages)))
        match draw(st.integers(0, 6)):
            case 0:
                messages.insert(at, draw(junk))
            case 1:
                messages[at : at + 1] = []
            case 2:
                messages[at:at] = messages[at : at + 1] * draw(st.integers(1, 8))
            case 3:
                other = valid(draw(st.sampled_from(sorted(CLIENTS))), sound)
                messages.insert(at, draw(st.sampled_from(other)))
            case 4 if bad := (*BAD[name].first, *BAD[name].harmless, *BAD[name].fatal):
                messages.insert(at, draw(st.sampled_from(bad)))
            case _ if at < len(messages):
                messages[at] = draw(mutated(messages[at]))
    return messages


@st.composite
def mutated(draw: st.DrawFn, message: Message) -> Message:
    """Draw a message that differs a little."""
    if isinstance(message, str) and draw(st.booleans()):
        with suppress(ValueError, RecursionError):  # it may not be JSON
            return json.dumps(_with_other_value(draw, json.loads(message)))
    at, size = draw(st.integers(0, len(message))), draw(st.integers(0, 4))
    if isinstance(message, str):
        return message[:at] + draw(st.text(max_size=6)) + message[at + size :]
    return message[:at] + draw(st.binary(max_size=6)) + message[at + size :]


def _with_other_value(draw: st.DrawFn, body: object) -> object:
    """Replace one value of nested objects, or give it another name."""
    if not isinstance(body, dict) or not body:
        return draw(values)
    name = draw(st.sampled_from(sorted(body)))
    if draw(st.integers(0, 4)) == 0:
        return {draw(texts): value if key == name else body[key] for key, value in body.items()}
    return body | {name: _with_other_value(draw, body[name])}


# --- HTTP ---

_METHODS = ("GET", "POST", "DELETE", "HEAD", "PUT", "OPTIONS", "PATCH", "GE T", "")
_PATHS = (
    *("/", "/health", "/ready", "/health/extended", "/metrics", "/ws/status", "/ws/asr"),
    *("/v1/sessions", "/v1/sessions/KNOWN", "/v1/sessions/KNOWN/events"),
    *("/v1/sessions/KNOWN/transcript", "/v1/sessions/nobody/events", "/static/index.html"),
    *("/v1/listen", "/v1/audio/transcriptions", "/v1/realtime", "/twilio", "/vosk", "/asterisk"),
    *("/audiofork", "/ws/transcribe", "//[", "/%00", "/v1/sessions/%ff%fe/events", "*", ""),
)
_QUERIES = (
    *("format=srt", "format=vtt", "from=0", "from=1.1", "from=x", "from=99999999999999999999"),
    *("encoding=linear16&sample_rate=16000", "model=nova-3", "client_id=%00", "a=" + "b" * 3_000),
    *("intent=transcription", "language=tlh", "resume=1", "punctuate=true&punctuate=maybe"),
)
_HEADERS = (
    *("Content-Length: 5", "Content-Length: -1", "Content-Length: 99999999999999999999"),
    *("Content-Length: 5\r\nContent-Length: 6", "Transfer-Encoding: chunked", "Expect: dance"),
    *("Expect: 100-continue", "Connection: Upgrade\r\nUpgrade: websocket", "Range: bytes=1-0"),
    *("Content-Type: application/json", "Content-Type: multipart/form-data; boundary=b"),
    *("Content-Type: multipart/form-data", "Content-Type: audio/wav", "Accept: text/event-stream"),
    *("Last-Event-ID: 1", "Last-Event-ID: x.y", "Authorization: Token \xff", "X-Api-Key: "),
    *("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "no colon"),
    *(
        "Sec-WebSocket-Protocol: token, x",
        "Content-Encoding: gzip",
        "Host: a\r\nHost: b",
        "\x00: y",
    ),
)
_WAV = b"RIFF\x24\x08\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00" + (
    b"\x80\x3e\x00\x00\x02\x00\x10\x00data\x00\x08\x00\x00" + bytes(2_048)
)
_PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
_MODEL = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
_BODIES = (
    *(b"", b"hello", _WAV, _MODEL + _PART + _WAV + b"\r\n--b--\r\n", b'{"url": "http://x/"}'),
    *(b"5\r\nhello\r\n0\r\n\r\n", b"ffffffffffffffff\r\n", b"zz\r\n", b"{" * 500),
)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Draw one HTTP request; KNOWN in it stands for the id of a call."""
    path = draw(st.sampled_from(_PATHS) | st.text(max_size=20))
    if draw(st.booleans()):
        path += "?" + draw(st.sampled_from(_QUERIES) | st.text(max_size=20))
    body = draw(st.sampled_from(_BODIES) | st.binary(max_size=100))
    if body and draw(st.integers(0, 2)) == 0:
        changed = draw(mutated(body))
        body = changed if isinstance(changed, bytes) else body
    headers = ["Host: localhost", *draw(st.lists(st.sampled_from(_HEADERS), max_size=4))]
    if draw(st.booleans()):
        headers.append(f"Content-Length: {len(body)}")
    method = draw(st.sampled_from(_METHODS))
    head = "\r\n".join([f"{method} {path} HTTP/1.1", *headers, "", ""])
    request = head.encode("utf-8", "surrogatepass") + body
    if draw(st.integers(0, 4)) == 0:
        changed = draw(mutated(request))
        request = changed if isinstance(changed, bytes) else request
    return request


@st.composite
def raw_frames(draw: st.DrawFn) -> bytes:
    """Draw what follows a WebSocket handshake: frames, of which few are right."""
    parts: Sequence[bytes] = draw(
        st.lists(st.one_of(st.binary(max_size=30), _frames()), max_size=6)
    )
    return b"".join(parts)


@st.composite
def _frames(draw: st.DrawFn) -> bytes:
    payload = draw(st.binary(max_size=130))
    first = draw(st.integers(0, 255) | st.sampled_from([0x81, 0x82, 0x88, 0x89, 0x8A, 0x01, 0x80]))
    length = draw(st.sampled_from([len(payload) & 0x7F, 126, 127, 0, 125]))
    masked = 0x80 if draw(st.integers(0, 4)) else 0
    long = {126: len(payload).to_bytes(2, "big"), 127: draw(st.binary(min_size=8, max_size=8))}
    head = bytes([first, masked | length]) + long.get(length, b"")
    return head + (bytes(4) if masked else b"") + payload
