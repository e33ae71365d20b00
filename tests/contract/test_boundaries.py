"""Boundaries of audio, in every protocol: the samples before one and after one are whole.

Whatever a client's messages, and whatever it says between them, each segment of its audio is read
as if it were alone. A part of a frame at its end is dropped, and told where the protocol can.
"""

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.audio import SAMPLE_RATE
from common.options import SessionOptions
from gateway.conversations.conversation import Conversation
from gateway.conversations.opening import Opening
from gateway.protocols import PROTOCOLS
from gateway.protocols.api import Request, Transport
from gateway.protocols.commands import AudioFormat, Encoding
from gateway.uplink.decoder import AudioDecoder
from gateway.uplink.throttle import Throttle
from tests.contract.test_protocols import audio_socket, openai_append
from tests.unit.gateway.stand_ins import SOMEBODY, Table, quiet, taken

BY_NAME = {protocol.name: protocol for protocol in PROTOCOLS}
Message = str | bytes


def same(audio: bytes) -> list[Message]:
    return [audio]


@dataclass(frozen=True, kw_only=True)
class Way:
    """How a client of a protocol sends audio of one format.

    `ends` are what ends a segment, and lets the next one begin; `between` says something that is
    no boundary. `audio` puts bytes into messages.
    """

    name: str
    sound: AudioFormat
    query: dict[str, list[str]] = field(default_factory=dict)
    opening: Sequence[Message] = ()
    ends: Sequence[Sequence[Message]] = ()
    between: Sequence[Message] = ()
    audio: Callable[[bytes], list[Message]] = same
    told: bool = True

    @property
    def id(self) -> str:
        return f"{self.name}-{self.sound.encoding}-{self.sound.sample_rate}-{self.sound.channels}"


def binary(*texts: str) -> list[Message]:
    """Return texts, each also as the binary message that some clients send in its place."""
    return [*texts, *(text.encode() for text in texts)]


ENCODED: Sequence[tuple[Encoding, int]] = [
    ("float32", 8_000),
    ("pcm16", 16_000),
    ("mulaw", 8_000),
    ("alaw", 16_000),
]
SOUNDS = [AudioFormat(*encoded, channels) for encoded in ENCODED for channels in (1, 2)]


def native(sound: AudioFormat) -> Way:
    facts = {"encoding": sound.encoding, "sample_rate": sound.sample_rate}
    config = {"type": "config", **facts, "channels": sound.channels}
    return Way(
        name="native",
        sound=sound,
        opening=[json.dumps(config)],
        ends=[[each] for each in binary('{"type": "flush"}')],
        between=binary('{"type": "config", "context": "x"}', '{"type": "dance"}'),
    )


def deepgram(sound: AudioFormat) -> Way:
    names = {"float32": "linear32", "pcm16": "linear16"}
    asked = {
        "encoding": [names.get(sound.encoding, sound.encoding)],
        "sample_rate": [str(sound.sample_rate)],
        "channels": [str(sound.channels)],
        "utterance_end_ms": ["1000"],
    }
    return Way(
        name="deepgram",
        sound=sound,
        query=asked,
        ends=[[each] for each in binary('{"type": "Finalize"}')],
        between=binary('{"type":"KeepAlive"}', ' {"type": "Configure"}\n', '{"type": "dance"}'),
    )


def flux(sound: AudioFormat) -> Way:
    asked: dict[str, list[str]] = {
        "model": ["flux-general-en"],
        "encoding": ["linear16" if sound.encoding == "pcm16" else sound.encoding],
        "sample_rate": [str(sound.sample_rate)],
    }
    return Way(
        name="flux",
        sound=sound,
        query=asked,
        ends=[[each] for each in binary('{"type": "ForceEndTurn"}')],
        between=binary('{"type": "Configure"}'),
    )


def assemblyai(sound: AudioFormat) -> Way:
    named = {"pcm16": "pcm_s16le", "mulaw": "pcm_mulaw"}[sound.encoding]
    return Way(
        name="assemblyai",
        sound=sound,
        query={"encoding": [named], "sample_rate": [str(sound.sample_rate)]},
        ends=[[each] for each in binary('{"type": "ForceEndpoint"}')],
        between=binary('{"type":"KeepAlive"}', '{"type": "UpdateConfiguration"}'),
    )


def realtime(kind: str, sound: AudioFormat) -> Way:
    given = {"type": kind, "rate": sound.sample_rate}
    session = {"type": "transcription", "audio": {"input": {"format": given}}}
    clear, commit = (f'{{"type": "input_audio_buffer.{each}"}}' for each in ("clear", "commit"))
    return Way(
        name="openai_realtime",
        sound=sound,
        opening=[json.dumps({"type": "session.update", "session": session}), openai_append(b"")],
        ends=[[each] for each in binary(clear)] + [[commit, clear]],
        between=[*binary('{"type": "session.update", "session": {}}', "{}"), bytes(3)],
        audio=lambda data: [openai_append(data)],
    )


def twilio(tracks: Sequence[str]) -> Way:
    start = {"event": "start", "start": {"callSid": "CA1", "tracks": tracks}}

    def media(data: bytes) -> list[Message]:
        shares = [data[index :: len(tracks)] for index in range(len(tracks))]
        return [
            json.dumps(
                {
                    "event": "media",
                    "media": {"track": track, "payload": b64encode(share).decode().rstrip("=")},
                }
            )
            for track, share in zip(tracks, shares, strict=True)
        ]

    return Way(
        name="twilio",
        sound=AudioFormat("mulaw", 8_000, len(tracks)),
        opening=[json.dumps(start)],
        between=binary('{"event": "mark"}', '{"event": "dtmf", "dtmf": {"digit": "5"}}'),
        audio=media,
        told=False,
    )


RECORDING = '{"type": "start_recording", "config": {"sample_rate": 8000}}'
STOP = '{"type": "stop_recording"}'
WAYS = [
    *map(native, SOUNDS),
    *map(deepgram, SOUNDS),
    *(
        way(sound)
        for way in (flux, assemblyai)
        for sound in SOUNDS
        if sound.channels == 1 and sound.encoding in ("pcm16", "mulaw")
    ),
    realtime("audio/pcm", AudioFormat("pcm16", 24_000)),
    realtime("audio/pcm", AudioFormat("pcm16", 16_000)),
    realtime("audio/pcmu", AudioFormat("mulaw", 8_000)),
    realtime("audio/pcma", AudioFormat("alaw", 8_000)),
    Way(
        name="transcribe",
        sound=AudioFormat("pcm16", 8_000),
        opening=[RECORDING],
        ends=[[STOP, RECORDING], [STOP.encode(), RECORDING.encode()], [STOP, bytes(3), RECORDING]],
        between=binary('{"type": "dance"}', RECORDING),
    ),
    Way(name="stream_tcp", sound=AudioFormat("pcm16", 16_000), told=False),
    Way(
        name="stream_ws",
        sound=AudioFormat("pcm16", 16_000),
        ends=[[each] for each in binary("flush", " flush\n")],
        between=["dance", b'{"type": "flush"}'],
    ),
    *(
        Way(
            name=name,
            sound=AudioFormat("pcm16", 16_000),
            opening=['{"config": {"sample_rate": 16000}}'],
            ends=[[each] for each in binary('{"reset" : 1}')],
            between=binary('{"config": {"sample_rate": 8000}}'),
            told=False,
        )
        for name in ("vosk", "vosk_ws")
    ),
    twilio(["inbound"]),
    twilio(["inbound", "outbound"]),
    Way(
        name="audiosocket",
        sound=AudioFormat("pcm16", 16_000),
        opening=[audio_socket(0x01, bytes(16))],
        between=[audio_socket(0x03, b"5"), audio_socket(0x03, b""), audio_socket(0x42, b"what")],
        audio=lambda data: [audio_socket(0x12, data)],
        told=False,
    ),
    *(
        Way(
            name="asterisk",
            sound=sound,
            opening=[f"MEDIA_START channel_id:1.1 format:{name}"],
            between=binary("DTMF_END digit:5", '{"event": "MEDIA_XOFF"}'),
            told=False,
        )
        for name, sound in (
            ("ulaw", AudioFormat("mulaw", 8_000)),
            ("slin16", AudioFormat("pcm16", 16_000)),
        )
    ),
    *(
        Way(
            name="audiofork",
            sound=AudioFormat("pcm16", 16_000, channels),
            opening=[json.dumps({"sample_rate": 16_000, "channels": channels})],
            between=binary('{"event": "dtmf", "digit": "5"}', '{"hello": 1}'),
        )
        for channels in (1, 2)
    ),
]


class Client:
    """A client that keeps what it is told."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.closed: tuple[int, str] | None = None

    def send_soon(self, messages: Sequence[Message]) -> None:
        self.messages += messages

    def close_soon(self, code: int, reason: str) -> None:
        self.closed = self.closed or (code, reason)

    def set_paused(self, paused: bool) -> None:
        raise AssertionError("so little audio is never too much")

    @property
    def truncations(self) -> int:
        return sum("truncated_sample" in str(message).lower() for message in self.messages)


class Line:
    """A conversation, and what its call writes."""

    def __init__(self, way: Way, beside: Table | None = None) -> None:
        self.table = Table(beside=beside)
        self.client = Client()
        self.protocol = BY_NAME[way.name]
        around = self.table.shared
        throttle = Throttle("s", self.client.set_paused, rate=1e6, burst=1e6)
        self.conversation = Conversation(
            around,
            self.protocol.build(SessionOptions(), Request(query=way.query, session="s" * 32)),
            self.client,
            throttle,
            Opening(around, throttle, name="s" * 32, who=SOMEBODY, protocol="native"),
            lambda conversation: None,
        )
        self.conversation.begin()

    def say(self, *messages: Message) -> None:
        """Hand messages over as the connection does."""
        for message in messages:
            if isinstance(message, bytes) and self.protocol.transport is Transport.WEBSOCKET:
                text = message.decode() if self.conversation.codec.is_control(message) else None
                self.conversation.receive(message if text is None else text)
            else:
                self.conversation.receive(message)

    def segments(self, channel: int) -> list[bytes]:
        """Return the audio of a leg between its boundaries."""
        assert self.conversation.call is not None
        found = [b""]
        for kind, value in taken(self.conversation.call.intake.legs[channel]):
            if kind == b"audio":
                found[-1] += value
            elif value == b"flush":
                found.append(b"")
        return found


def alone(sound: AudioFormat, segments: Sequence[bytes]) -> list[list[bytes]]:
    """Return each leg's segments, where each is read as if it came in one message."""
    decoder = AudioDecoder(sound)
    parts = []
    for segment in segments:
        whole = segment[: len(segment) - len(segment) % sound.frame_bytes]
        pieces = zip(decoder.push(whole), decoder.flush(), strict=True)
        parts.append([b"".join(piece) for piece in pieces])
    return [list(leg) for leg in zip(*parts, strict=True)]


def audio_of(sound: AudioFormat, size: int, seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    if sound.encoding == "float32":
        samples: bytes = rng.uniform(-1, 1, size // 4 + 1).astype("<f4").tobytes()
        return samples[:size]
    return rng.bytes(size)


@cache
def shared() -> Table:
    """Return what all lines of the property test share: to build it takes as long as a call."""
    return Table()


async def spoken(way: Way, segments: Sequence[bytes], draw: Callable[[int], int]) -> Line:
    """Say segments in messages that are cut anywhere, with what is no boundary between them."""
    line = Line(way, shared())
    line.say(*way.opening)
    await quiet()
    for index, segment in enumerate(segments):
        if index:
            line.say(*way.ends[draw(len(way.ends))])
        cuts = sorted(draw(len(segment) + 1) for _ in range(draw(4)))
        if way.name == "twilio":
            # A track has a message of its own, with whole samples.
            cuts = [cut - cut % way.sound.channels for cut in cuts]
        for start, end in pairwise([0, *cuts, len(segment)]):
            if way.between and draw(2):
                line.say(way.between[draw(len(way.between))])
            if start < end:
                line.say(*way.audio(segment[start:end]))
    line.conversation.hang_up()
    await quiet()
    return line


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.id)
@settings(max_examples=15, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 120), min_size=1, max_size=4),
    seed=st.integers(0, 2**32),
    data=st.data(),
)
def test_each_segment_is_read_as_if_alone(way, lengths, seed, data):
    if not way.ends:
        lengths = lengths[:1]
    if way.name == "twilio":
        lengths = [length * way.sound.channels for length in lengths]
    if way.sound.sample_rate > SAMPLE_RATE:  # a frame may be no sample there: nothing to clear
        lengths = [max(length, 2 * way.sound.frame_bytes) for length in lengths]
    segments = [audio_of(way.sound, length, seed + n) for n, length in enumerate(lengths)]

    def draw(below: int) -> int:
        drawn: int = data.draw(st.integers(0, below - 1))
        return drawn

    line = asyncio.run(spoken(way, segments, draw))
    assert line.client.closed is None
    for channel, expected in enumerate(alone(way.sound, segments)):
        assert line.segments(channel) == expected


def with_boundaries() -> list[Any]:
    """Return a case for each way to end a segment."""
    return [
        pytest.param(way, end, id=f"{way.id}-{number}")
        for way in WAYS
        if way.ends and way.sound.frame_bytes > 1
        for number, end in enumerate(way.ends)
    ]


@pytest.mark.parametrize(("way", "end"), with_boundaries())
async def test_a_part_of_a_frame_at_a_boundary_is_dropped_and_told(way, end):
    line = Line(way)
    line.say(*way.opening, *way.audio(audio_of(way.sound, way.sound.frame_bytes * 9 - 1, 1)), *end)
    assert line.client.truncations == way.told
    assert line.table.metrics.mistakes.labels("truncated_sample")._value.get() == 1
    line.say(*way.audio(audio_of(way.sound, way.sound.frame_bytes * 9, 2)), *end)
    assert line.client.truncations == way.told


def test_every_protocol_is_here():
    assert {way.name for way in WAYS} == set(BY_NAME)
