"""What holds for every front: a session runs through it, and junk is a `ClientError`.

A front joins by an entry in `DIALOGUES`; one that is missing there fails the suite.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.options import SessionOptions
from gateway import protocols as fronts
from gateway.protocols.api import (
    Audio,
    AudioAck,
    AudioFormat,
    ClientError,
    Command,
    Created,
    Ended,
    Failed,
    Final,
    Finish,
    Flush,
    Front,
    Gap,
    GoingAway,
    Lag,
    Open,
    Partial,
    Resume,
    Resumed,
    SpeechEnded,
    SpeechStarted,
    Word,
    Words,
)
from gateway.uplink.decoder import AudioDecoder

BUILDERS = fronts.by_path()


@dataclass(frozen=True)
class Dialogue:
    """How a client of one front says what every session needs."""

    opening: tuple[str | bytes, ...]
    flush: str | bytes
    finish: str | bytes
    resume: str | bytes
    """Comes back with the token ``session.secret`` and has everything up to 7."""


DIALOGUES = {
    "/ws/asr": Dialogue(
        opening=('{"type": "config", "encoding": "pcm16", "events": ["gap"]}',),
        flush='{"type": "flush"}',
        finish='{"type": "finalize"}',
        resume='{"type": "config", "resume": "session.secret", "seq": 7}',
    ),
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


@pytest.fixture(params=sorted(BUILDERS))
def path(request):
    return request.param


def said(front: Front, message: str | bytes) -> Sequence[Command]:
    if isinstance(message, str):
        return front.receive_text(message)
    return front.receive_binary(message)


def opened(path: str) -> tuple[Front, list[Command]]:
    front = BUILDERS[path](SessionOptions())
    return front, [c for message in DIALOGUES[path].opening for c in said(front, message)]


def test_every_front_has_a_dialogue_here():
    assert set(BUILDERS) == set(DIALOGUES)


def test_open_audio_flush_finish(path):
    front, commands = opened(path)
    assert front.path == path
    for message in (bytes(320), DIALOGUES[path].flush, bytes(3), DIALOGUES[path].finish):
        commands += said(front, message)
    kinds = [type(command) for command in commands]
    assert kinds == [Open, Audio, Flush, Audio, Finish]
    opening = commands[0]
    assert isinstance(opening, Open)
    ingest = AudioDecoder(opening.audio)
    for command in commands:
        if isinstance(command, Audio):
            assert len(ingest.push(command.data)) == opening.audio.channels


@pytest.mark.parametrize("ended", [False, True])
def test_a_session_is_resumed(path, ended):
    front = BUILDERS[path](SessionOptions())
    dialogue = DIALOGUES[path]
    assert [*said(front, dialogue.resume)] == [Resume("session.secret", 7)]
    # Nothing can be told from where it goes on, until that is known.
    for message in (bytes(320), dialogue.flush, dialogue.finish, dialogue.resume):
        with pytest.raises(ClientError) as caught:
            said(front, message)
        assert caught.value.fatal
    front.restore(SessionOptions(), AudioFormat("pcm16"), frozenset(), ended=ended)
    assert front.render(Resumed("session", "session.secret", 16_000, 3, 1, ended), 1.5)
    messages = (bytes(320), dialogue.flush, bytes(3), dialogue.finish)
    if not ended:
        kinds = [type(command) for message in messages for command in said(front, message)]
        assert kinds == [Audio, Flush, Audio, Finish]
    else:
        with pytest.raises(ClientError) as caught:
            said(front, dialogue.flush)
        assert not caught.value.fatal


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_every_event_is_rendered_or_suppressed(path, event):
    front, _ = opened(path)
    for message in front.render(event, 1.5):
        assert message
        # A text message must be encodable; a binary one already is.
        assert isinstance(message, bytes) or message.encode()


def test_an_error_reaches_a_client_that_never_opened(path):
    front = BUILDERS[path](SessionOptions())
    assert front.render(Failed("at_capacity", "no room", fatal=True), 1.5)


def test_connections_share_nothing(path):
    opened(path)
    fresh = BUILDERS[path](SessionOptions())
    first = said(fresh, DIALOGUES[path].opening[0])
    assert isinstance(first[0], Open)


JUNK = (
    st.text()
    | st.binary()
    | st.builds(json.dumps, st.dictionaries(st.text(), st.text() | st.integers(), max_size=3))
    | st.builds(
        lambda kind, name, value: json.dumps({"type": kind, name: value}),
        st.sampled_from(["config", "flush", "finalize"]) | st.text(),
        st.text(),
        st.none() | st.booleans() | st.floats() | st.text() | st.lists(st.text(), max_size=2),
    )
    | st.sampled_from(["[" * 50_000, "1" * 5_000, '"\\ud800"', "\ud800", "1e999"])
)


@pytest.mark.parametrize("open_first", [False, True])
@pytest.mark.parametrize("path", sorted(BUILDERS))
@given(messages=st.lists(JUNK, max_size=5))
def test_junk_is_never_anything_but_a_client_error(path, open_first, messages):
    front = opened(path)[0] if open_first else BUILDERS[path](SessionOptions())
    for message in messages:
        try:
            said(front, message)
        except ClientError as error:
            refused = error
        else:
            continue
        assert refused.code
        assert refused.message
        assert all(front.render(refused.event, 1.5))
