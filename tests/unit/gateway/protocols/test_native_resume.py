"""The native protocol of a client that resumes: what it says, and what its codec then accepts."""

import json

import pytest

from common.options import SessionOptions
from gateway.protocols.api import ClientError, Request
from gateway.protocols.commands import Audio, AudioFormat, Configure, Finish, Flush, Open, Resume
from gateway.protocols.events import Gap, Resumed, SpeechStarted
from gateway.protocols.native import NativeCodec
from tests.unit.gateway.protocols.test_native import (
    DEFAULTS,
    config_error,
    opened,
    rendered,
    text_error,
)

RESUME = json.dumps({"type": "config", "resume": "s.secret", "seq": 7})


def resuming() -> NativeCodec:
    codec = NativeCodec(DEFAULTS, Request())
    codec.receive_text(RESUME)
    return codec


def restored(*, ended: bool = False, denoised: bool = False, **options) -> NativeCodec:
    codec = resuming()
    audio = AudioFormat("mulaw", 8_000, 2)
    opened = Open(SessionOptions(**options), audio, frozenset(("gap",)))
    codec.restore(opened, denoised=denoised, ended=ended)
    return codec


def test_a_client_comes_back():
    assert NativeCodec(DEFAULTS, Request()).receive_text(RESUME) == (Resume("s.secret", 7),)
    (command,) = NativeCodec(DEFAULTS, Request()).receive_text('{"type": "config", "resume": "t"}')
    assert command == Resume("t", 0)
    numbered = '{"type": "config", "resume": "t", "attempt": 1795264702117}'
    (command,) = NativeCodec(DEFAULTS, Request()).receive_text(numbered)
    assert command == Resume("t", 0, 1795264702117)


def test_an_option_that_is_null_is_none():
    (command,) = NativeCodec(DEFAULTS, Request()).receive_text('{"type": "config", "resume": null}')
    assert isinstance(command, Open)


@pytest.mark.parametrize(
    ("more", "code", "named"),
    [
        ({"encoding": "pcm"}, "invalid_option", "encoding"),
        ({"context": 7}, "invalid_option", "context"),
        ({"tempo": 2}, "unknown_option", "tempo"),
        ({"seq": -1}, "invalid_option", "seq"),
        ({"seq": "7"}, "invalid_option", "seq"),
        ({"seq": 1.5}, "invalid_option", "seq"),
        ({"seq": True}, "invalid_option", "seq"),
        ({"seq": 2**53 + 1}, "invalid_option", "seq"),
        ({"attempt": 0}, "invalid_option", "attempt"),
        ({"attempt": 2**53 + 1}, "invalid_option", "attempt"),
    ],
)
def test_a_wrong_resume_is_named_and_fatal_and_leaves_no_trace(more, code, named):
    codec = NativeCodec(DEFAULTS, Request())
    error = config_error(codec, resume="t", **more)
    assert (error.code, error.close_code) == (code, 1008)
    assert named in error.message
    assert codec.receive_text(RESUME) == (Resume("s.secret", 7),)


@pytest.mark.parametrize("message", [RESUME, '{"type": "flush"}', '{"type": "finalize"}', b"\0\0"])
def test_until_it_is_told_from_where_to_go_on_every_message_is_fatal(message):
    codec = resuming()
    receive = codec.receive_binary if isinstance(message, bytes) else codec.receive_text
    with pytest.raises(ClientError) as caught:
        receive(message)
    assert (caught.value.code, caught.value.close_code) == ("resuming", 1008)


def test_a_call_that_was_found_goes_on():
    codec = restored(ended=False, context="kept", denoise=True)
    assert codec.receive_binary(b"\0") == (Audio(b"\0"),)
    (command,) = codec.receive_text('{"type": "config", "language": "de", "denoise": true}')
    assert command == Configure(SessionOptions(language="German", context="kept", denoise=True))
    assert config_error(codec, encoding="pcm16").code == "audio_format_fixed"
    assert config_error(codec, events=[]).code == "option_fixed"
    assert codec.receive_text('{"type": "flush"}') == (Flush(),)
    assert codec.receive_text('{"type": "finalize"}') == (Finish(),)


OPTIONS = SessionOptions(language="German", keywords=("EZB",), max_utterance=12.0, denoise=True)
HELD = {
    "encoding": "mulaw",
    "sample_rate": 8_000,
    "channels": 2,
    "language": "de-AT",
    "keywords": ["EZB"],
    "max_utterance": 12,
    "denoise": True,
    "words": False,
    "events": ["gap", "lag"],
}
"""The options of the call below, as a client may spell them."""


def find(**repeated) -> NativeCodec:
    """Resume with these options beside `resume`, and find the call that has those of `HELD`."""
    codec = NativeCodec(DEFAULTS, Request())
    codec.receive_text(json.dumps({"type": "config", "resume": "t", **repeated}))
    events = frozenset(("lag", "gap"))
    opened = Open(OPTIONS, AudioFormat("mulaw", 8_000, 2), events)
    codec.restore(opened, denoised=True, ended=False)
    return codec


def test_options_may_be_repeated_with_the_values_of_the_call():
    codec = find(**HELD)
    assert codec.receive_binary(b"\0") == (Audio(b"\0"),)
    (command,) = codec.receive_text('{"type": "config"}')
    assert command == Configure(OPTIONS)


@pytest.mark.parametrize(
    ("repeated", "named"),
    [
        ({"encoding": "pcm16"}, "encoding"),
        ({"sample_rate": 16_000, "channels": 1}, "sample_rate, channels"),
        ({"language": None}, "language"),
        ({"keywords": []}, "keywords"),
        ({"silence_threshold": 0.9}, "silence_threshold"),
        ({"words": True}, "words"),
        ({"events": ["gap"]}, "events"),
        ({**HELD, "denoise": False}, "denoise"),
    ],
)
def test_an_option_that_differs_is_named_and_fatal_to_the_connection(repeated, named):
    with pytest.raises(ClientError) as caught:
        find(**repeated)
    assert (caught.value.code, caught.value.close_code) == ("option_fixed", 1008)
    assert caught.value.message.startswith(f"{named}: ")


def test_a_call_that_was_found_ended_takes_nothing():
    codec = restored(ended=True)
    with pytest.raises(ClientError) as caught:
        codec.receive_binary(b"\0")
    assert (caught.value.code, caught.value.fatal) == ("finalized", False)
    assert codec.receive_binary(b"\0") == ()
    assert text_error(codec, '{"type": "flush"}').code == "finalized"
    assert text_error(codec, RESUME).code == "finalized"


def test_what_it_wanted_to_be_told_it_is_told_again():
    codec = restored()
    assert rendered(codec, Gap(0, 0, 1)) != []
    assert rendered(codec, SpeechStarted(0, 1, 1_600, 8_192)) == []


@pytest.mark.parametrize("on", [True, False])
def test_a_call_that_was_opened_with_denoise_may_still_switch_it(on):
    codec = restored(denoised=True, denoise=on)
    for after in (not on, on):
        (command,) = codec.receive_text(json.dumps({"type": "config", "denoise": after}))
        assert isinstance(command, Configure)
        assert command.options.denoise is after


def test_a_call_that_was_opened_without_denoise_still_cannot():
    error = text_error(restored(), '{"type": "config", "denoise": true}')
    assert (error.code, error.fatal) == ("option_fixed", False)


def test_a_connection_with_a_call_cannot_resume():
    codec = opened()
    error = text_error(codec, RESUME)
    assert (error.code, error.fatal) == ("option_fixed", False)
    assert codec.receive_binary(b"\0") == (Audio(b"\0"),)


@pytest.mark.parametrize(("ended", "more"), [(False, {}), (True, {"ended": True})])
def test_resumed(ended, more):
    assert rendered(resuming(), Resumed("s1", "t1", 4_711, 3, 2, ended)) == [
        {
            "type": "session_created",
            "session_id": "s1",
            "resume_token": "t1",
            "resumed": True,
            "position": 4_711,
            "seq": 3,
            "controls": 2,
            **more,
        }
    ]
