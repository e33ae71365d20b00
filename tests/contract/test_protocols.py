"""What holds for every protocol: a call runs through it, and junk is a `ClientError`.

A protocol joins by an entry in `DIALOGUES`; one that is missing there fails the suite.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.options import SessionOptions
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
    Ended,
    Failed,
    Final,
    Gap,
    GoingAway,
    Lag,
    Partial,
    Resumed,
    SpeechEnded,
    SpeechStarted,
    Word,
    Words,
)
from gateway.settings import GatewaySettings
from gateway.uplink.decoder import AudioDecoder

DEFAULTS = SessionOptions()
FORMAT = AudioFormat("pcm16")


@dataclass(frozen=True)
class Dialogue:
    """How a client of one protocol says what every call needs; None if it has no message for it.

    `opening` is empty where the request opens the call. `resume` shows the token
    ``session.secret``; the client has everything up to 7.
    """

    request: Request = field(default_factory=Request)
    opening: tuple[str | bytes, ...] = ()
    flush: str | bytes | None = None
    finish: str | bytes | None = None
    resume: str | bytes | None = None


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
    "stream_tcp": Dialogue(),
    "stream_ws": Dialogue(flush="flush"),
}

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
        Final(0, 1, 1, 0, 8_000, 20_000, text, "English", words, reason, failed)
        for text in ("", "hello \N{GRINNING FACE}")
        for words in (None, (Word("hello", 0, 4_000, 0.5),))
        for reason in ("silence", "flush", "finish", "length", "gap")
        for failed in (False, True)
    ],
    Final(0, 1, 1, 0, 8_000, 20_000, "hello", "English", None, "silence", words_pending=True),
    Final(0, 1, 1, 0, 8_000, 20_000, "hello", "English", None, "silence", words_unavailable="why"),
    Words(0, 1, 2, 0, 8_000, (Word("hello", 0, 4_000, 0.5),)),
    Words(0, 1, 2, 0, 8_000, None, "why"),
    SpeechStarted(0, 1, 0, 512),
    SpeechEnded(0, 1, 0, 8_000, 20_000, "silence"),
    Gap(0, 8_000, 16_000),
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
    assert (DIALOGUES[name].resume is not None) == protocol.resumable


@everyone
def test_open_audio_flush_finish(name):
    dialogue, (codec, commands) = DIALOGUES[name], opened(name)
    wanted: list[type[Command]] = [Open]
    for message, kind in ((bytes(320), Audio), (dialogue.flush, Flush), (bytes(3), Audio)):
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
    codec.restore(DEFAULTS, FORMAT, frozenset(), ended=ended)
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
    check(codec.render(Failed("at_capacity", "no room", fatal=True), 1.5), BY_NAME[name])
    assert codec.render(Failed("at_capacity", "no room", fatal=True), 1.5)


@everyone
def test_a_final_reaches_every_client(name):
    codec, _ = opened(name)
    (message,) = codec.render(Final(0, 1, 1, 0, 8_000, 9_000, "hello", None, None, "silence"), 1.5)
    assert "hello" in (message if isinstance(message, str) else message.decode())


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
        st.sampled_from(["config", "flush", "finalize", "start_recording", "stop_recording"])
        | st.text(),
        st.text(),
        st.none() | st.booleans() | st.floats() | st.text() | st.lists(st.text(), max_size=2),
    )
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
