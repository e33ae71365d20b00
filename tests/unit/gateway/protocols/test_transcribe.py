"""The protocol of RNN-T style servers."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from common.options import SessionOptions
from common.pipeline.text import EndReason, TimedWord
from gateway.protocols.api import ClientError, Request
from gateway.protocols.commands import Audio, AudioFormat, Command, Flush, Open, Say
from gateway.protocols.events import Created, Failed, Final, GoingAway, Partial, Words
from gateway.protocols.transcribe import MOST_TEXT, TranscribeCodec
from tests.unit.gateway.finals import a_final

START, STOP = '{"type": "start_recording"}', '{"type": "stop_recording"}'
SPOKEN = (TimedWord("hello", 0, 4_000, 0.5),)


def codec(**query: str) -> TranscribeCodec:
    return TranscribeCodec(
        SessionOptions(), Request(query={name: [value] for name, value in query.items()})
    )


def started() -> TranscribeCodec:
    one = codec()
    one.receive_text(START)
    return one


def status(command: Command) -> Any:
    assert isinstance(command, Say)
    (message,) = command.messages
    return json.loads(message)


def rendered(one: TranscribeCodec, event: Any) -> Sequence[Any]:
    return [json.loads(message) for message in one.render(event, 1.23456)]


def error(one: TranscribeCodec, message: str | bytes) -> ClientError:
    receive = one.receive_text if isinstance(message, str) else one.receive_binary
    with pytest.raises(ClientError) as caught:
        receive(message)  # type: ignore[arg-type]
    return caught.value


def test_it_speaks_first_and_knows_its_client():
    (ready,) = codec(client_id="me").connected()
    assert status(ready) == {"type": "status", "status": "ready", "client_id": "me"}


def test_a_recording_opens_the_call_with_words():
    opening, recording = codec().receive_text(
        '{"type": "start_recording", "config": {"sample_rate": 48000}}'
    )
    assert opening == Open(SessionOptions(words=True), AudioFormat("pcm16", 48_000, 1))
    assert status(recording)["status"] == "recording"


def final(text: str, reason: EndReason) -> Final:
    return a_final(text=text, reason=reason)


def told(one: TranscribeCodec, event: Any) -> list[str]:
    """Return the statuses and texts of an event's messages."""
    messages = [json.loads(message) for message in one.render(event, 1.0)]
    return [message.get("status") or message["text"] for message in messages]


def test_a_recording_has_stopped_once_its_last_text_is_told():
    one = started()
    assert one.receive_text(STOP) == (Flush(),)
    assert told(one, final("before", "silence")) == ["before"]
    assert told(one, final("at the end", "flush")) == ["at the end", "stopped"]
    (again,) = one.receive_text(START)
    assert status(again)["status"] == "recording"
    assert one.receive_binary(b"ab") == (Audio(b"ab"),)
    one.receive_text(STOP)
    assert told(one, final("", "flush")) == ["stopped"]


def test_statuses_keep_their_order():
    one = started()
    for _ in range(2):
        assert one.receive_text(STOP) == (Flush(),)
        assert one.receive_text(START) == ()
        assert one.receive_binary(b"ab") == (Audio(b"ab"),)
    assert told(one, final("one", "flush")) == ["one", "stopped", "recording"]
    assert told(one, final("", "failed")) == ["stopped", "recording"]
    assert told(one, final("", "flush")) == []


def test_audio_outside_of_a_recording_is_told_once():
    one = codec()
    assert codec().verbatim is False
    assert error(one, b"ab").code == "not_recording"
    assert one.receive_binary(b"ab") == ()
    one.receive_text(START)
    assert one.verbatim
    one.receive_text(STOP)
    assert error(one, b"ab").code == "not_recording"


def test_fields_for_other_servers_are_ignored():
    more = '{"type": "start_recording", "id": 1, "config": {"sample_rate": 8000, "model": "x"}}'
    opened = codec().receive_text(more)[0]
    assert isinstance(opened, Open)
    assert opened.audio.sample_rate == 8_000


@pytest.mark.parametrize(
    ("message", "code", "named"),
    [
        ("hello", "invalid_json", "JSON"),
        ("[]", "not_an_object", "object"),
        ("{}", "unknown_type", "type"),
        ('{"type": "start"}', "invalid_option", "start_recording, stop_recording"),
        (STOP, "not_recording", "without start_recording"),
        ('{"type": "start_recording", "config": 1}', "invalid_option", "config"),
        ('{"type": "start_recording", "config": {"sample_rate": 1}}', "invalid_option", "4000"),
    ],
)
def test_a_mistake_is_named_and_changes_nothing(message, code, named):
    one = codec()
    caught = error(one, message)
    assert (caught.code, caught.fatal) == (code, False)
    assert named in caught.message
    assert isinstance(one.receive_text(START)[0], Open)


def test_a_recording_is_not_started_twice_nor_changed():
    one = started()
    assert error(one, START).code == "recording"
    one.receive_text(STOP)
    other = '{"type": "start_recording", "config": {"sample_rate": 8000}}'
    assert error(one, other).code == "audio_format_fixed"


def test_a_message_beyond_all_measure_ends_the_connection():
    assert error(codec(), " " * (MOST_TEXT + 1)).close_code == 1009


def test_only_finals_are_transcriptions():
    one = started()
    (partial,) = rendered(one, Partial(0, 1, 0, 8_000, "hel", 0, None))
    assert (partial["type"], partial["is_final"]) == ("partial", False)
    (final,) = rendered(one, a_final(language="English", words=SPOKEN, reason="flush"))
    assert final == {
        "type": "transcription",
        "text": "hello",
        "is_final": True,
        "language": "English",
        "start": 0.0,
        "end": 0.5,
        "timestamp": 1.235,
        "words": [{"word": "hello", "start": 0.0, "end": 0.25}],
    }


def test_silence_says_nothing():
    one = started()
    assert rendered(one, Partial(0, 1, 0, 8_000, "", 0, None)) == []
    assert rendered(one, a_final(text="", reason="flush")) == []
    assert rendered(one, Created("call", "token")) == []
    assert rendered(one, Words(0, 1, 2, 0, 8_000, None, "why")) == []


def test_words_that_come_later_are_told():
    (late,) = rendered(started(), Words(0, 1, 2, 0, 8_000, SPOKEN))
    assert late["type"] == "words"
    assert late["words"] == [{"word": "hello", "start": 0.0, "end": 0.25}]


@pytest.mark.parametrize(
    ("event", "code", "more"),
    [
        (Failed("at_capacity", "no room", fatal=True, retry_after=5), "at_capacity", 5),
        (Failed("internal_error", "oh", fatal=True), "internal_error", None),
        (GoingAway(60.0), "going_away", None),
        (
            a_final(text="", failed=True),
            "utterance_failed",
            None,
        ),
    ],
)
def test_trouble_is_told(event, code, more):
    (message,) = rendered(started(), event)
    assert (message["type"], message["code"]) == ("error", code)
    assert message.get("retry_after") == more
