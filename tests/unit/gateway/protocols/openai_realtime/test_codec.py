"""The codec of OpenAI's Realtime API: what each event of its client means, and the errors."""

import json
from base64 import b64encode
from typing import Any

import pytest

from common.options import SessionOptions
from gateway.protocols.api import ClientError, Request
from gateway.protocols.commands import Audio, AudioFormat, Command, Configure, Flush, Open, Say
from gateway.protocols.events import Created, Failed, GoingAway, Partial, SpeechStarted
from gateway.protocols.openai_realtime import PROTOCOL
from gateway.protocols.openai_realtime.codec import MOST_TEXT, RealtimeCodec
from tests.unit.gateway.finals import a_final

SPEECH = frozenset({"speech_started", "speech_ended"})
COMMIT = {"type": "input_audio_buffer.commit"}
CLEAR = {"type": "input_audio_buffer.clear"}


def codec() -> RealtimeCodec:
    return RealtimeCodec(SessionOptions(), Request(session="0123456789abcdef"))


def send(one: RealtimeCodec, message: dict[str, Any]) -> list[Command]:
    return [*one.receive_text(json.dumps(message))]


def append(data: bytes) -> dict[str, Any]:
    return {"type": "input_audio_buffer.append", "audio": b64encode(data).decode()}


def update(kind: str = "session.update", **given: Any) -> dict[str, Any]:
    return {"type": kind, "session": given}


def told(*commands: Command) -> list[dict[str, Any]]:
    return [json.loads(m) for c in commands if isinstance(c, Say) for m in c.messages]


def rendered(one: RealtimeCodec, event: Any) -> list[dict[str, Any]]:
    return [json.loads(message) for message in one.render(event, 1.0)]


def error(one: RealtimeCodec, message: str) -> tuple[ClientError, dict[str, Any]]:
    """Return the error that a message raises, and the event that tells the client."""
    with pytest.raises(ClientError) as caught:
        one.receive_text(message)
    (event,) = rendered(one, caught.value.event)
    assert event["type"] == "error"
    return caught.value, event["error"]


def test_the_session_is_described_immediately():
    (created,) = told(*codec().connected())
    session = created["session"]
    assert (created["type"], created["event_id"]) == ("session.created", "event_1")
    assert (session["id"], session["type"]) == ("0123456789abcdef", "transcription")
    assert session["object"] == "realtime.transcription_session"
    assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24_000}


def test_an_update_is_answered_with_the_whole_session():
    given = {"format": {"type": "audio/pcma"}, "transcription": {"language": "en"}}
    (answer,) = told(*send(codec(), update(type="transcription", audio={"input": given})))
    assert answer["type"] == "session.updated"
    shown = answer["session"]["audio"]["input"]
    assert (shown["format"], shown["transcription"]) == (
        *({"type": "audio/pcma"}, {"language": "en"}),
    )


def test_an_update_of_the_older_form_is_answered_in_it():
    old = update("transcription_session.update", input_audio_format="g711_ulaw")
    (answer,) = told(*send(codec(), old))
    assert answer["type"] == "transcription_session.updated"
    assert answer["session"]["input_audio_format"] == "g711_ulaw"


def test_the_first_audio_opens_the_call_in_the_format_of_then():
    one = codec()
    send(one, update(audio={"input": {"format": {"type": "audio/pcmu"}}}))
    opened, audio = send(one, append(b"abc"))
    assert opened == Open(SessionOptions(), AudioFormat("mulaw", 8_000), SPEECH)
    assert audio == Audio(b"abc")
    assert send(one, append(b"de")) == [Audio(b"de")]


def test_an_update_of_an_open_call_changes_its_options():
    one = codec()
    send(one, append(b""))
    configured, said = send(one, update(input_audio_transcription={"language": "en"}))
    assert configured == Configure(SessionOptions(language="English"))
    assert told(said)[0]["type"] == "session.updated"
    (only,) = send(one, update(input_audio_transcription={"language": "en"}))
    assert isinstance(only, Say)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"input_audio_format": "g711_ulaw"}, "audio_format_fixed"),
        ({"input_audio_noise_reduction": {"type": "near_field"}}, "noise_reduction_fixed"),
    ],
)
def test_what_cannot_change_during_a_call_is_refused_and_the_call_goes_on(given, code):
    one = codec()
    send(one, append(b""))
    caught, _ = error(one, json.dumps(update(**given)))
    assert (caught.code, caught.fatal) == (code, False)
    assert send(one, append(b"ab")) == [Audio(b"ab")]
    assert isinstance(send(one, update())[0], Say), "the earlier options still hold"


def noise(kind: str | None) -> dict[str, Any]:
    return update(input_audio_noise_reduction=kind and {"type": kind})


def test_noise_reduction_may_be_switched_where_the_call_began_with_it():
    one = codec()
    send(one, noise("near_field"))
    send(one, append(b""))
    for kind, on in ((None, False), ("far_field", True)):
        configured, said = send(one, noise(kind))
        assert isinstance(configured, Configure)
        assert configured.options.denoise is on
        (answer,) = told(said)
        shown = answer["session"]["audio"]["input"]["noise_reduction"]
        assert shown == (kind and {"type": kind})


def test_a_call_without_a_denoiser_began_without_noise_reduction():
    one = codec()
    send(one, noise("near_field"))
    send(one, append(b""))
    rendered(one, Failed("denoise_unavailable", "no", fatal=False))
    caught, _ = error(one, json.dumps(noise("near_field")))
    assert (caught.code, caught.fatal) == ("noise_reduction_fixed", False)
    (said,) = send(one, noise(None))
    assert isinstance(said, Say)


@pytest.mark.parametrize(
    ("kind", "tenth"), [("pcm16", 4_800), ("g711_ulaw", 800), ("g711_alaw", 800)]
)
def test_a_commit_flushes_and_needs_a_tenth_of_a_second(kind, tenth):
    one = codec()
    send(one, update(input_audio_format=kind, turn_detection=None))
    caught, _ = error(one, json.dumps(COMMIT))
    assert (caught.code, caught.fatal) == ("input_audio_buffer_commit_empty", False)
    send(one, append(bytes(tenth - 4)))
    caught, _ = error(one, json.dumps(COMMIT))
    assert "99 ms" in caught.message
    send(one, append(bytes(4)))
    said, flush = send(one, COMMIT)
    assert flush == Flush()
    committed, added = told(said)
    assert committed["type"] == "input_audio_buffer.committed"
    assert added["item"]["id"] == committed["item_id"] == "item_0123456789ab_1"
    error(one, json.dumps(COMMIT))
    final = a_final(end=1_600, at=1_600, reason="flush")
    *_, completed = rendered(one, final)
    assert (completed["item_id"], completed["usage"]["seconds"]) == (committed["item_id"], 0.1)


def test_a_clear_discards_what_was_not_committed():
    one = codec()
    assert [m["type"] for m in told(*send(one, CLEAR))] == ["input_audio_buffer.cleared"]
    send(one, append(bytes(9_600)))
    said, flush = send(one, CLEAR)
    assert flush == Flush()
    assert [m["type"] for m in told(said)] == ["input_audio_buffer.cleared"]
    assert rendered(one, a_final(end=3_200, at=3_200, reason="flush")) == []
    assert len(send(one, CLEAR)) == 1


def test_every_event_has_a_number_of_its_own():
    one = codec()
    events = told(*one.connected(), *send(one, update()))
    events += rendered(one, SpeechStarted(0, 1, 0, 800))
    events += rendered(one, Partial(0, 1, 0, 8_000, "hello", 2, None))
    numbers = [event["event_id"] for event in events]
    assert len(set(numbers)) == len(numbers) == 4


@pytest.mark.parametrize(
    ("message", "code", "named"),
    [
        ("hello", "invalid_json", "JSON"),
        ("[]", "not_an_object", "object"),
        ("{}", "unknown_event", "missing"),
        ('{"type": "response.create"}', "unknown_event", "response.create"),
        ('{"type": "session.update"}', "invalid_option", "session"),
        (json.dumps(update(type="realtime")), "unsupported_session_type", "transcription"),
        ('{"type": "input_audio_buffer.append"}', "invalid_audio", "base64"),
        ('{"type": "input_audio_buffer.append", "audio": "?"}', "invalid_audio", "base64"),
        ('{"type": "input_audio_buffer.append", "audio": "é"}', "invalid_audio", "base64"),
    ],
)
def test_a_mistake_is_named_and_changes_nothing(message, code, named):
    one = codec()
    caught, shown = error(one, message)
    assert (caught.code, caught.fatal) == (code, False)
    assert named in caught.message
    assert (shown["type"], shown["code"], shown["param"]) == ("invalid_request_error", code, None)
    assert isinstance(send(one, append(b""))[0], Open)


def test_a_refused_update_says_that_nothing_of_it_took_effect():
    one = codec()
    input_ = {"format": {"type": "audio/pcmu"}, "transcription": {"language": "Klingon"}}
    caught, _ = error(one, json.dumps(update(audio={"input": input_})))
    still = "nothing of this update took effect: audio is still read as audio/pcm at 24000 Hz"
    assert caught.message.endswith(still)
    (opened,) = send(one, append(b""))
    assert isinstance(opened, Open)
    assert opened.audio == AudioFormat("pcm16", 24_000)


def test_a_language_left_empty_is_detected_and_the_rest_of_the_update_counts():
    one = codec()
    input_ = {
        "format": {"type": "audio/pcmu"},
        "transcription": {"language": "", "languages": [""], "keywords": ["", "Ada"]},
    }
    send(one, update(audio={"input": input_}))
    (opened,) = send(one, append(b""))
    assert isinstance(opened, Open)
    assert opened.audio == AudioFormat("mulaw", 8_000)
    assert (opened.options.language, opened.options.keywords) == (None, ("Ada",))


def test_base64_may_lack_its_padding():
    *_, audio = send(codec(), {**append(b""), "audio": b64encode(b"abcd").decode().rstrip("=")})
    assert audio == Audio(b"abcd")


def test_an_error_names_the_event_that_caused_it():
    one = codec()
    assert error(one, '{"type": "x", "event_id": "mine"}')[1]["event_id"] == "mine"
    assert error(one, '{"type": "x", "event_id": 5}')[1]["event_id"] is None
    send(one, update())
    (later,) = rendered(one, Failed("internal_error", "oh", fatal=True))
    assert (later["error"]["type"], later["error"]["event_id"]) == ("server_error", None)


def test_audio_in_binary_messages_is_refused():
    with pytest.raises(ClientError) as caught:
        codec().receive_binary(b"ab")
    assert caught.value.code == "invalid_message"


def test_a_message_beyond_all_measure_ends_the_connection():
    with pytest.raises(ClientError) as caught:
        codec().receive_text(" " * (MOST_TEXT + 1))
    assert caught.value.close_code == 1009


def test_trouble_is_told_unless_the_call_goes_on():
    one = codec()
    (away,) = rendered(one, GoingAway(60.0))
    assert away["error"]["code"] == "going_away"
    assert rendered(one, Failed("denoise_unavailable", "no", fatal=False)) == []
    assert rendered(one, Created("call", "token")) == []


def test_a_browser_is_answered_without_its_key():
    offered = ["realtime", "openai-insecure-api-key.secret", "openai-beta.realtime-v1"]
    assert PROTOCOL.subprotocol(offered) == "realtime"
    assert PROTOCOL.subprotocol(["other"]) is None


@pytest.mark.parametrize(("status", "kind"), [(429, "rate_limit_exceeded"), (503, "server_error")])
def test_a_refusal_is_an_error_object(status, kind):
    denial = PROTOCOL.denial(status, "at_capacity")
    assert denial.content_type == "application/json"
    error = json.loads(denial.body)["error"]
    assert (error["type"], error["code"]) == (kind, "at_capacity")
