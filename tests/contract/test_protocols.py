"""What holds for every protocol: a call runs through it, and junk is a `ClientError`.

A protocol joins by an entry in `DIALOGUES`; one that is missing there fails the suite.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.options import SessionOptions
from common.pipeline.text import TimedWord
from gateway.protocols import PROTOCOLS
from gateway.protocols.api import ClientError, Codec, Protocol, Request, Transport
from gateway.protocols.commands import (
    Audio,
    AudioFormat,
    Command,
    Finish,
    Flush,
    Open,
    Resume,
    Say,
)
from gateway.protocols.events import (
    AudioAck,
    Created,
    Dtmf,
    Ended,
    Event,
    Failed,
    Final,
    Gap,
    GoingAway,
    Keyword,
    Lag,
    LineTrouble,
    Partial,
    Resumed,
    SpeakerRevision,
    SpeechEnded,
    SpeechStarted,
    Timing,
    Turn,
    TurnKind,
    Words,
)
from gateway.protocols.stretches import Stretch
from gateway.settings import GatewaySettings
from gateway.uplink.decoder import AudioDecoder
from tests.unit.gateway.finals import a_final

DEFAULTS = SessionOptions()
FORMAT = AudioFormat("pcm16")


@dataclass(frozen=True)
class Dialogue:
    """How a client of one protocol says what every call needs; None if it has no message for it.

    `opening` is empty where the request opens the call. `resume` shows the token
    ``session.secret``; the client has everything up to 7.

    `audio` puts bytes of audio into a message. `results`: whether finals are sent as they come,
    with the reply to the next audio, or are read elsewhere, so that the client is told nothing.
    """

    request: Request = field(default_factory=Request)
    opening: tuple[str | bytes, ...] = ()
    flush: str | bytes | None = None
    finish: str | bytes | None = None
    resume: str | bytes | None = None
    audio: Callable[[bytes], str | bytes] = bytes
    results: Literal["sent", "replies", "elsewhere"] = "sent"


def openai_append(audio: bytes) -> str:
    encoded = b64encode(audio).decode()
    return json.dumps({"type": "input_audio_buffer.append", "audio": encoded})


def twilio_media(audio: bytes) -> str:
    return json.dumps({"event": "media", "media": {"payload": b64encode(audio).decode()}})


def audio_socket(kind: int, payload: bytes) -> bytes:
    return bytes([kind]) + len(payload).to_bytes(2, "big") + payload


VOSK = Dialogue(
    opening=('{"config": {"sample_rate": 16000}}',),
    flush='{"reset" : 1}',
    finish='{"eof" : 1}',
    results="replies",
)
DIALOGUES = {
    "native": Dialogue(
        opening=('{"type": "config", "encoding": "pcm16", "events": ["gap"]}',),
        flush='{"type": "flush"}',
        finish='{"type": "finalize"}',
        resume='{"type": "config", "resume": "session.secret", "seq": 7}',
    ),
    "transcribe": Dialogue(
        request=Request(path="/ws/transcribe", query={"client_id": ["somebody"]}),
        opening=('{"type": "start_recording", "config": {"sample_rate": 16000}}',),
    ),
    "deepgram": Dialogue(
        request=Request(
            path="/v1/listen", query={"encoding": ["linear16"], "sample_rate": ["16000"]}
        ),
        flush='{"type": "Finalize"}',
        finish='{"type": "CloseStream"}',
    ),
    "flux": Dialogue(
        request=Request(
            path="/v2/listen",
            query={
                "model": ["flux-general-en"],
                "encoding": ["linear16"],
                "sample_rate": ["16000"],
            },
        ),
        flush='{"type": "ForceEndTurn"}',
        finish='{"type": "CloseStream"}',
    ),
    "assemblyai": Dialogue(
        request=Request(path="/v3/ws", query={"sample_rate": ["16000"]}),
        flush='{"type": "ForceEndpoint"}',
        finish='{"type": "Terminate"}',
    ),
    "openai_realtime": Dialogue(
        request=Request(path="/v1/realtime", query={"intent": ["transcription"]}, session="call"),
        opening=('{"type": "input_audio_buffer.append", "audio": ""}',),
        audio=openai_append,
        flush='{"type": "input_audio_buffer.commit"}',
    ),
    "stream_tcp": Dialogue(),
    "stream_ws": Dialogue(flush="flush"),
    "vosk": VOSK,
    "vosk_ws": VOSK,
    "twilio": Dialogue(
        opening=('{"event": "start", "start": {"callSid": "CA1"}}',),
        finish='{"event": "stop"}',
        audio=twilio_media,
        results="elsewhere",
    ),
    "audiosocket": Dialogue(
        opening=(audio_socket(0x01, bytes(16)), audio_socket(0x10, b"")),
        finish=audio_socket(0x00, b""),
        audio=lambda audio: audio_socket(0x10, audio),
        results="elsewhere",
    ),
    "asterisk": Dialogue(
        opening=("MEDIA_START channel_id:1700000000.1 format:slin16",),
        finish="HANGUP",
        results="elsewhere",
    ),
    "audiofork": Dialogue(opening=('{"sample_rate": 16000}',)),
}


def turn(kind: TurnKind) -> Turn:
    return Turn(
        kind=kind,
        channel=0,
        turn=1,
        step=1,
        utterance=1,
        start=0,
        end=8_000,
        at=9_000,
        transcript="hello",
        language=None,
        reason="silence" if kind == "ended" else None,
    )


EVENTS = [
    Created("session", "token"),
    Resumed("session", "token", 16_000, 3, 1),
    Resumed("session", "token", 16_000, 3, 1, ended=True),
    AudioAck(16_000),
    Lag(0, 2.5),
    GoingAway(60.0),
    Partial(0, 1, 0, 8_000, "hel", 0, None),
    Partial(0, 1, 0, 8_000, "", 0, "English"),
    *[
        a_final(at=20_000, text=text, language="English", words=words, reason=reason, failed=failed)
        for text in ("", "hello \N{GRINNING FACE}")
        for words in (None, (TimedWord("hello", 0, 4_000, 0.5),))
        for reason in ("silence", "flush", "finish", "length", "gap")
        for failed in (False, True)
    ],
    a_final(at=20_000, language="English", words_pending=True),
    a_final(at=20_000, language="English", unavailable="why"),
    a_final(at=20_000, timing=Timing(0.8, 0.9)),
    Words(0, 1, 2, 0, 8_000, (TimedWord("hello", 0, 4_000, 0.5),)),
    Words(0, 1, 2, 0, 8_000, None, "why"),
    SpeechStarted(0, 1, 0, 512),
    *[turn(kind) for kind in ("started", "eager_end", "resumed", "ended")],
    SpeechEnded(0, 1, 0, 8_000, 20_000, "silence"),
    Gap(0, 8_000, 16_000),
    Dtmf(0, 8_000, "#"),
    LineTrouble(0, 8_000, "low_level", -74.5),
    SpeakerRevision(channel=0, number=1, changed={1: (Stretch(0, 8_000, 1),)}),
    Keyword(0, 1, "hello", "Hello", 0, 0, 8_000),
    Failed("code", "message", fatal=False),
    Failed("code", "message", fatal=True),
    Failed("code", "message", fatal=True, retry_after=5),
    Ended(),
]


BY_NAME = {protocol.name: protocol for protocol in PROTOCOLS}
everyone = pytest.mark.parametrize("name", sorted(BY_NAME))
resumable = pytest.mark.parametrize(
    "name", sorted(name for name, protocol in BY_NAME.items() if protocol.resumable)
)


def connect(name: str) -> Codec:
    return BY_NAME[name].build(DEFAULTS, DIALOGUES[name].request)


def said(codec: Codec, message: str | bytes) -> Sequence[Command]:
    if isinstance(message, str):
        return codec.receive_text(message)
    return codec.receive_binary(message)


def asked(commands: Sequence[Command]) -> list[Command]:
    """The commands for the call: all but `Say`."""
    return [command for command in commands if not isinstance(command, Say)]


def opened(name: str) -> tuple[Codec, list[Command]]:
    codec = connect(name)
    commands = [*codec.connected()]
    commands += [c for message in DIALOGUES[name].opening for c in said(codec, message)]
    return codec, asked(commands)


def check(messages: Sequence[str | bytes], protocol: Protocol) -> None:
    """A text message must be encodable; over TCP there are only bytes."""
    for message in messages:
        assert message
        if isinstance(message, str):
            assert protocol.transport is Transport.WEBSOCKET
            assert message.encode()


def test_every_protocol_has_a_dialogue_here():
    assert set(BY_NAME) == set(DIALOGUES)
    assert len(BY_NAME) == len(PROTOCOLS)


@everyone
def test_a_protocol_says_where_its_clients_connect(name):
    protocol = BY_NAME[name]
    assert protocol.path or protocol.port
    assert (protocol.path == "") == (protocol.transport is Transport.TCP)
    protocol.port_in(GatewaySettings())  # there is such a setting
    assert bool(protocol.port) == bool(protocol.usual_port)
    assert (DIALOGUES[name].resume is not None) == protocol.resumable


@everyone
def test_open_audio_flush_finish(name):
    dialogue, (codec, commands) = DIALOGUES[name], opened(name)
    wanted: list[type[Command]] = [Open]
    audio = dialogue.audio
    for message, kind in (
        (audio(bytes(9_600)), Audio),
        (dialogue.flush, Flush),
        (audio(bytes(3)), Audio),
    ):
        if message is not None:
            commands += asked(said(codec, message))
            wanted.append(kind)
    finished = said(codec, dialogue.finish) if dialogue.finish else codec.receive_end()
    assert [type(command) for command in [*commands, *asked(finished)]] == [*wanted, Finish]
    opening = commands[0]
    assert isinstance(opening, Open)
    decoder = AudioDecoder(opening.audio)
    for command in commands:
        if isinstance(command, Audio):
            assert len(decoder.push(command.data)) == opening.audio.channels


@everyone
def test_audio_is_taken_as_it_stands_only_while_a_call_is_open(name):
    codec, _ = opened(name)
    assert not codec.verbatim or said(codec, bytes(2)) == (Audio(bytes(2)),)
    assert codec.divisible >= codec.verbatim


@resumable
@pytest.mark.parametrize("ended", [False, True])
def test_a_call_is_resumed(name, ended):
    codec, dialogue = connect(name), DIALOGUES[name]
    assert dialogue.resume is not None
    assert dialogue.flush is not None
    assert dialogue.finish is not None
    assert [*said(codec, dialogue.resume)] == [Resume("session.secret", 7)]
    # Until it is known where the call goes on, nothing can be told.
    for message in (bytes(320), dialogue.flush, dialogue.finish, dialogue.resume):
        with pytest.raises(ClientError) as caught:
            said(codec, message)
        assert caught.value.fatal
    codec.restore(Open(DEFAULTS, FORMAT), denoised=False, ended=ended)
    assert codec.render(Resumed("session", "session.secret", 16_000, 3, 1, ended), 1.5)
    messages = (bytes(320), dialogue.flush, bytes(3), dialogue.finish)
    if not ended:
        kinds = [type(command) for message in messages for command in said(codec, message)]
        assert kinds == [Audio, Flush, Audio, Finish]
    else:
        with pytest.raises(ClientError) as caught:
            said(codec, dialogue.flush)
        assert not caught.value.fatal


@everyone
@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_every_event_is_rendered_or_suppressed(name, event):
    codec, _ = opened(name)
    check(codec.render(event, 1.5), BY_NAME[name])


@everyone
def test_an_error_reaches_a_client_that_never_opened(name):
    codec = connect(name)
    messages = codec.render(Failed("at_capacity", "no room", fatal=True), 1.5)
    check(messages, BY_NAME[name])
    assert messages or codec.closing(1013, "at_capacity") == (1013, "no room")


@everyone
def test_a_final_reaches_every_client(name):
    dialogue, (codec, _) = DIALOGUES[name], opened(name)
    final = a_final()
    told, answers = rendered(name, codec, final)
    sent = {"sent": told, "replies": answers, "elsewhere": ["hello"]}
    assert (told == []) == (dialogue.results != "sent")
    assert "hello" in sent[dialogue.results][-1]


def rendered(name: str, codec: Codec, final: Final) -> tuple[list[str], list[str]]:
    """Return what a client is told of a turn and its final, and with the reply to later audio."""
    events: list[Event] = [turn("started"), turn("ended"), final]
    told = [message for event in events for message in codec.render(event, 1.5)]
    replies = said(codec, DIALOGUES[name].audio(bytes(2)))
    answers = [m for command in replies if isinstance(command, Say) for m in command.messages]
    return [str(each) for each in told], [str(each) for each in answers]


IN_JSON = ["native", "transcribe", "deepgram", "openai_realtime", "stream_ws", "audiofork"]
"""The protocols that send results, and have room for more than text."""


@pytest.mark.parametrize("reason", ["silence", "flush", "failed"])
@pytest.mark.parametrize(
    "name", sorted(name for name, each in DIALOGUES.items() if each.results != "elsewhere")
)
def test_an_utterance_that_failed_is_told_with_the_reason(name, reason):
    codec, _ = opened(name)
    lost = a_final(text="", reason=reason, failed=True, trouble="too odd")
    told, answers = rendered(name, codec, lost)
    assert "too odd" in " ".join([*told, *answers])


@pytest.mark.parametrize("name", IN_JSON)
def test_a_final_says_how_late_it_is_where_its_protocol_has_room(name):
    codec, _ = opened(name)
    late = a_final(timing=Timing(0.8, 0.91))
    messages = [json.loads(message) for message in codec.render(late, 1.5)]
    told = [m.get("timing") or m.get("data", {}).get("timing") for m in messages]
    assert {"endpoint": 0.8, "final": 0.91} in told


@everyone
def test_connections_share_nothing(name):
    opened(name)
    _, commands = opened(name)
    assert isinstance(commands[0], Open)


@everyone
def test_a_close_code_is_one(name):
    code, reason = connect(name).closing(1013, "at_capacity")
    assert 1000 <= code < 5000
    assert len(reason.encode()) <= 123, "RFC 6455, 5.5: a control frame has at most 125 bytes"


JUNK = (
    st.text()
    | st.binary()
    | st.builds(json.dumps, st.dictionaries(st.text(), st.text() | st.integers(), max_size=3))
    | st.builds(
        lambda kind, name, value: json.dumps({"type": kind, name: value}),
        st.sampled_from(
            [
                *("config", "flush", "finalize", "start_recording", "stop_recording"),
                *("KeepAlive", "Finalize", "Configure", "CloseStream"),
                *("session.update", "input_audio_buffer.append"),
            ]
        )
        | st.text(),
        st.text(),
        st.none() | st.booleans() | st.floats() | st.text() | st.lists(st.text(), max_size=2),
    )
    | st.builds(
        lambda kind, value: json.dumps({"event": kind, kind.lower(): value, "dtmf": value}),
        st.sampled_from(["start", "media", "dtmf", "stop", "MEDIA_START", "DTMF_END", "HANGUP"]),
        st.none()
        | st.text()
        | st.dictionaries(
            st.sampled_from(["tracks", "callSid", "payload", "timestamp", "track", "digit"]),
            st.none() | st.integers() | st.text() | st.lists(st.text(), max_size=2),
            max_size=3,
        ),
    )
    | st.builds(
        lambda kind, value: json.dumps({kind: value}),
        st.sampled_from(["config", "eof", "reset"]),
        st.none() | st.text() | st.dictionaries(st.text(), st.text() | st.integers(), max_size=3),
    )
    | st.builds(audio_socket, st.sampled_from([0, 1, 3, 16, 18, 255]), st.binary(max_size=40))
    | st.sampled_from(["[" * 50_000, "1" * 5_000, '"\\ud800"', "\ud800", "1e999"])
)


@pytest.mark.parametrize("open_first", [False, True])
@everyone
@given(messages=st.lists(JUNK, max_size=5))
def test_junk_is_never_anything_but_a_client_error(name, open_first, messages):
    codec = opened(name)[0] if open_first else connect(name)
    for message in messages:
        if isinstance(message, str) and BY_NAME[name].transport is Transport.TCP:
            continue
        try:
            said(codec, message)
        except ClientError as error:
            refused = error
        else:
            continue
        assert refused.code
        assert refused.message
        check(codec.render(refused.event, 1.5), BY_NAME[name])
