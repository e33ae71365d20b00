"""Telephone systems over real sockets, on the real stack with real speech."""

import asyncio
import json
import socket
from base64 import b64encode
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
import soxr
import websockets.asyncio.client as ws
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State
from websockets.typing import Subprotocol

from common.audio import FloatArray
from gateway.protocols.events import Dtmf, Gap
from tests.integration.callscribe.processes import until
from tests.integration.gateway.stored import stored_calls
from tests.integration.gateway.telephones import (
    FOX,
    PACKET,
    Telephony,
    connected,
    encoded,
    ended,
    telephone,
)
from tests.integration.pipeline.calls import (
    FINALIZE,
    config,
    converse,
    pcm16,
    said,
    sample_call,
    sentence,
    split,
)

pytestmark = pytest.mark.usefixtures("unharmed")

CALL_SECONDS = 20
LOOKAHEAD = 100
"""Samples at 16 kHz that the resampler keeps at 8 kHz until more audio comes."""


@pytest.fixture
def conversation() -> FloatArray:
    """The beginning of the sample call, float32 [n, 2] at 8 kHz."""
    return sample_call(CALL_SECONDS)


async def natively(telephony: Telephony, audio: bytes, **options: Any) -> list[list[str]]:
    """Return the texts of each channel, as the native protocol gives them."""
    opening = config(encoding="mulaw", sample_rate=8_000, interim_results=False, **options)
    url = f"{telephony.url}/ws/asr"
    transcript = await converse(url, opening, *split(audio, 3_200), FINALIZE)
    assert transcript.errors == []
    channels = range(options.get("channels", 1))
    return [
        [f["text"] for f in transcript.finals if f["channel"] == c and f["text"]] for c in channels
    ]


# --- Twilio ---


def event(kind: str, **body: Any) -> str:
    return json.dumps({"event": kind, "streamSid": "MZ1", **body})


def start(call: str, *tracks: str, **parameters: str) -> str:
    media_format = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    facts = {"callSid": call, "tracks": tracks, "mediaFormat": media_format}
    return event("start", start={**facts, "customParameters": parameters})


def media(packet: int, data: bytes, track: str = "inbound") -> str:
    """Return the message of one packet; `packet` numbers it from 0."""
    facts = {"track": track, "chunk": str(packet + 1), "timestamp": str(20 * packet)}
    return event("media", media={**facts, "payload": b64encode(data).decode()})


async def stream(telephony: Telephony, *sent: str) -> ws.ClientConnection:
    """Send messages to `/twilio`, and wait until the server has closed."""
    async with connected(f"{telephony.url}/twilio") as client:
        for message in sent:
            await client.send(message)
        with pytest.raises(ConnectionClosed):
            async with asyncio.timeout(60):
                pytest.fail(f"Twilio was told {await client.recv()!r}")
        return client


async def test_both_tracks_of_twilio_are_two_legs(telephony, bus, conversation):
    legs = [encoded(conversation[:, leg]) for leg in (0, 1)]
    packets = [[*split(leg, PACKET)] for leg in legs]
    sent = [event("connected", protocol="Call", version="1.0.0")]
    sent += [start("CA-both", "inbound", "outbound", conversation_id="c-1", words="true")]
    for number, (inbound, outbound) in enumerate(zip(*packets, strict=True)):
        sent += [media(number, inbound), media(number, outbound, "outbound")]
    client = await stream(telephony, *sent, event("stop", stop={"callSid": "CA-both"}))
    assert (client.close_code, client.close_reason) == (1000, "finished")
    call = ended(telephony, bus, name="CA-both")
    assert call.record.about.labels == ("customer", "agent")
    assert call.record.about.conversation == "c-1"
    assert call.record.options.words
    assert call.of(Gap) == []
    both = np.frombuffer(b"".join(legs), np.uint8).reshape(2, -1).T.tobytes()
    texts = await natively(telephony, both, channels=2, words=True)
    assert all(texts)
    assert [call.texts(0), call.texts(1)] == texts


async def test_a_track_that_falls_silent_does_not_delay_the_other(telephony, bus):
    speech = [*split(encoded(telephone(said(sentence(), 1.2))), PACKET)]
    async with connected(f"{telephony.url}/twilio") as client:
        await client.send(start("CA-one-way", "inbound", "outbound"))
        await client.send(media(0, speech[0], "outbound"))
        for number, packet in enumerate(speech):
            await client.send(media(number, packet))
        # Its client still speaks; the other track has sent nothing since its first packet.
        until(lambda: [call.texts() for call in stored_calls(bus, name="CA-one-way")] == [[FOX]])
        await client.send(event("stop"))
        await client.wait_closed()
    assert ended(telephony, bus, name="CA-one-way").texts(1) == []


async def test_lost_packets_are_a_gap_and_digits_are_told(telephony, bus):
    speech = [*split(encoded(telephone(sentence())), PACKET)]
    lost = 50
    async with connected(f"{telephony.url}/twilio") as client:
        await client.send(start("CA-gap", "inbound"))
        for number, packet in enumerate(speech):
            await client.send(media(number, packet))
        await client.send(event("dtmf", dtmf={"track": "inbound_track", "digit": "5"}))
        for number, packet in enumerate(speech, len(speech) + lost):
            await client.send(media(number, packet))
        at = 2 * PACKET * len(speech)
        until(lambda: [len(c.of(Gap)) for c in stored_calls(bus, name="CA-gap")] == [1])
        (call,) = stored_calls(bus, name="CA-gap")
        assert call.of(Gap) == [Gap(0, at, at + 2 * PACKET * lost)]
        (digit,) = call.of(Dtmf)
        assert digit == Dtmf(0, digit.at, "5")
        assert at - LOOKAHEAD <= digit.at <= at
        await client.send(event("stop"))
        await client.wait_closed()
    assert ended(telephony, bus, name="CA-gap").texts() == [FOX, FOX]


async def test_twilio_reads_in_the_close_frame_why_a_stream_was_refused(telephony):
    client = await stream(telephony, start("CA-bad", "sideways"))
    assert client.close_code == 1008
    assert (client.close_reason or "").startswith("tracks must be a list of inbound, outbound")


# --- Asterisk ---


def frame(kind: int, payload: bytes = b"") -> bytes:
    return bytes([kind]) + len(payload).to_bytes(2, "big") + payload


def dial(telephony: Telephony) -> socket.socket:
    return socket.create_connection(("127.0.0.1", telephony.port), timeout=60)


def heard(sock: socket.socket) -> bytes:
    """Read until the server closes."""
    parts = []
    while part := sock.recv(65_536):
        parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize(("kind", "rate"), [(0x10, 8_000), (0x12, 16_000), (0x16, 48_000)])
def test_an_audio_socket_is_a_call(telephony, bus, kind, rate):
    name = uuid4()
    audio: FloatArray = soxr.resample(sentence(), 16_000, rate)
    frames = [frame(kind, part) for part in split(pcm16(audio), rate // 25)]
    with dial(telephony) as sock:
        # The frames lie across the boundaries of what is sent.
        for part in split(frame(0x01, name.bytes) + b"".join(frames) + frame(0x00), 1_001):
            sock.sendall(part)
        assert heard(sock) == b""
    assert ended(telephony, bus, name=str(name)).texts() == [FOX]


def test_a_digit_of_an_audio_socket_is_told(telephony, bus):
    name = UUID("e226e283-c90a-4ea9-9e37-389000b9ef47")
    with dial(telephony) as sock:
        sock.sendall(frame(0x01, name.bytes) + frame(0x10, bytes(2 * PACKET)) + frame(0x03, b"#"))
        until(lambda: [len(c.of(Dtmf)) for c in stored_calls(bus, name=str(name))] == [1])
        (call,) = stored_calls(bus, name=str(name))
        (digit,) = call.of(Dtmf)
        assert digit == Dtmf(0, digit.at, "#")
        assert 2 * PACKET - LOOKAHEAD <= digit.at <= 2 * PACKET


def test_an_audio_socket_without_its_hangup_is_transcribed_too(telephony, bus):
    name = uuid4()
    with dial(telephony) as sock:
        speech = pcm16(telephone(sentence()))
        sock.sendall(frame(0x01, name.bytes))
        sock.sendall(b"".join(frame(0x10, part) for part in split(speech, 320)))
    assert ended(telephony, bus, name=str(name)).texts() == [FOX]


def test_an_audio_socket_that_breaks_the_protocol_is_hung_up(telephony):
    with dial(telephony) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert heard(sock) == frame(0x00)


def test_an_audio_socket_that_says_nothing_is_hung_up(telephony):
    with dial(telephony) as sock:
        assert heard(sock) == frame(0x00)


def test_an_audio_socket_for_which_there_is_no_room_is_hung_up(telephony, bus):
    with dial(telephony) as first, dial(telephony) as second:
        for sock in (first, second):
            sock.sendall(frame(0x01, uuid4().bytes) + frame(0x10, bytes(320)))
        with dial(telephony) as third:
            assert heard(third) == frame(0x00)
    until(lambda: telephony.sessions == 0)


@pytest.mark.parametrize("law", ["ulaw", "alaw"])
@pytest.mark.parametrize("in_json", [False, True])
async def test_asterisks_web_socket_channel_is_a_call(telephony, bus, law, in_json):
    name = f"{law}.{in_json:d}"
    url, subprotocols = f"{telephony.url}/asterisk?conversation_id=c-2", [Subprotocol("media")]
    fields = {"connection_id": "media1", "channel_id": name, "format": law}
    opening = "MEDIA_START " + " ".join(f"{key}:{value}" for key, value in fields.items())
    digit = "DTMF_END digit:7"
    if in_json:
        opening = json.dumps({"event": "MEDIA_START", "channel_variables": {}, **fields})
        digit = json.dumps({"event": "DTMF_END", "digit": "7"})
    async with connected(url, subprotocols=subprotocols) as client:
        assert client.subprotocol == "media"
        await client.send(opening)
        for packet in split(encoded(telephone(sentence()), law.upper()), PACKET):
            await client.send(packet)
        await client.send(digit)
        until(lambda: [len(call.of(Dtmf)) for call in stored_calls(bus, name=name)] == [1])
    call = ended(telephony, bus, name=name)
    assert call.texts() == [FOX]
    assert call.record.about.conversation == "c-2"


async def test_asterisk_is_told_to_hang_up_where_there_is_no_call(telephony):
    async with connected(f"{telephony.url}/asterisk") as client:
        await client.send("MEDIA_START channel_id:1 format:opus")
        assert await client.recv() == "HANGUP"
        await client.wait_closed()
    assert client.close_code == 1008
    assert "format must be one of ulaw" in (client.close_reason or "")


# --- warm connections ---


async def time_to_open_a_call(telephony: Telephony) -> None:
    """Wait for as long as a client has that must open its call soon."""
    async with connected(f"{telephony.url}/ws/asr") as cold:
        await cold.wait_closed()
    assert (cold.close_code, cold.close_reason) == (1008, "open_timeout")


@pytest.mark.parametrize("path", ["/ws/transcribe", "/v1/realtime", "/vosk", "/audiofork"])
async def test_a_warm_connection_may_wait_with_its_call(telephony, path):
    async with connected(f"{telephony.url}{path}") as warm:
        await time_to_open_a_call(telephony)
        await (await warm.ping())
        assert warm.state is State.OPEN
    until(lambda: telephony.sessions == 0)


async def test_an_audio_socket_may_be_silent_at_first(telephony, bus):
    name = uuid4()
    with dial(telephony) as sock:
        sock.sendall(frame(0x01, name.bytes) + frame(0x03, b"5"))
        await time_to_open_a_call(telephony)
        sock.sendall(
            frame(0x12, pcm16(sentence())[:60_000]) + frame(0x03, b"f") + frame(0x42, b"?")
        )
        narrow = soxr.resample(sentence()[30_000:], 16_000, 8_000)
        sock.sendall(b"".join(frame(0x10, part) for part in split(pcm16(narrow), 320)))
        until(lambda: [len(c.of(Dtmf)) for c in stored_calls(bus, name=str(name))] == [1])
        (call,) = stored_calls(bus, name=str(name))
        assert call.of(Dtmf) == [Dtmf(0, call.of(Dtmf)[0].at, "5")]
        sock.sendall(frame(0x00))
        assert heard(sock) == b""
    assert ended(telephony, bus, name=str(name)).texts() == [FOX]


# --- FreeSWITCH ---


async def fork(telephony: Telephony, leg: FloatArray, **metadata: Any) -> dict[str, Any]:
    """Fork one leg as the module does, and return the first that the application gets."""
    subprotocols = [Subprotocol("audio.drachtio.org")]
    async with connected(f"{telephony.url}/audiofork", subprotocols=subprotocols) as client:
        await client.send(json.dumps(metadata))
        for packet in split(pcm16(leg), 2 * PACKET):
            await client.send(packet)
        async with asyncio.timeout(60):
            told: dict[str, Any] = json.loads(await client.recv())
            return told


async def test_two_forks_are_the_legs_of_one_conversation(telephony, bus):
    legs = [telephone(said(sentence(), 1.2)), telephone(said(0.5, sentence(), 1.2))]
    forks = [
        fork(telephony, leg, conversation_id="c-3", role=role, call_id=role)
        for leg, role in zip(legs, ("customer", "agent"), strict=True)
    ]
    for told, role in zip(await asyncio.gather(*forks), ("customer", "agent"), strict=True):
        data = told["data"]
        assert (told["type"], data["text"], data["label"]) == ("transcription", FOX, role)
    until(lambda: telephony.sessions == 0)
    calls = stored_calls(bus, conversation="c-3")
    assert sorted(call.record.about.labels for call in calls) == [("agent",), ("customer",)]


async def test_a_stereo_fork_has_two_channels(telephony):
    left, right = telephone(said(sentence(), 3.0)), telephone(said(1.5, sentence(), 1.5))
    stereo = np.stack([left, right], axis=1)
    metadata = {"mix_type": "stereo", "channel_labels": ["customer", "agent"]}
    async with connected(f"{telephony.url}/audiofork") as client:
        await client.send(json.dumps(metadata))
        for packet in split(pcm16(stereo), 4 * PACKET):
            await client.send(packet)
        async with asyncio.timeout(60):
            told = [json.loads(await client.recv())["data"] for _ in range(2)]
    assert {(data["label"], data["text"]) for data in told} == {("customer", FOX), ("agent", FOX)}


async def test_metadata_that_cannot_be_read_are_an_error_for_the_application(telephony):
    async with connected(f"{telephony.url}/audiofork") as client:
        await client.send(json.dumps({"encoding": "opus"}))
        error = json.loads(await client.recv())
    assert error["type"] == "error"
    assert error["data"]["code"] == "invalid_option"
