"""The native protocol from the client: golden messages, and every mistake by its code."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.options import SessionOptions
from gateway.protocols.api import ClientError, Request
from gateway.protocols.commands import (
    EVENTS,
    Audio,
    AudioFormat,
    Configure,
    Finish,
    Flush,
    Open,
    Resume,
)
from gateway.protocols.events import Created, Failed
from gateway.protocols.native import PROTOCOL, NativeCodec

DEFAULTS = SessionOptions(silence_threshold=0.6)
SEED_CONFIG = {
    "type": "config",
    "context": "",
    "language": None,
    "unfixed_chunk_num": 4,
    "unfixed_token_num": 5,
    "chunk_size_sec": 1.0,
}
NOW = 1234567890.1234


def opened(**config) -> NativeCodec:
    codec = NativeCodec(DEFAULTS, Request())
    codec.receive_text(json.dumps({"type": "config", **config}))
    return codec


def config_error(codec: NativeCodec, **config) -> ClientError:
    with pytest.raises(ClientError) as caught:
        codec.receive_text(json.dumps({"type": "config", **config}))
    return caught.value


def text_error(codec: NativeCodec, message: str) -> ClientError:
    with pytest.raises(ClientError) as caught:
        codec.receive_text(message)
    return caught.value


def rendered(codec, event):
    return [json.loads(message) for message in codec.render(event, NOW)]


def test_a_seed_clients_session():
    codec = NativeCodec(DEFAULTS, Request())
    assert codec.receive_text(json.dumps(SEED_CONFIG)) == (
        Open(DEFAULTS, AudioFormat("float32", 16_000, 1), frozenset()),
    )
    assert codec.receive_binary(b"\x00\x01\x02") == (Audio(b"\x00\x01\x02"),)
    assert codec.receive_text('{"type": "flush"}') == (Flush(),)
    assert codec.receive_text('{"type": "finalize"}') == (Finish(),)


def test_a_config_of_everything():
    codec = NativeCodec(SessionOptions(), Request())
    config = {
        "type": "config",
        "encoding": "mulaw",
        "sample_rate": 8000,
        "channels": 2,
        "language": "yue",
        "context": "billing",
        "keywords": ["Ängström", "SKU"],
        "unfixed_chunk_num": 2,
        "unfixed_token_num": 3,
        "chunk_size_sec": 2,
        "vad_threshold": 0.4,
        "silence_threshold": 0.5,
        "min_speech_duration": 0.1,
        "max_utterance": 20,
        "denoise": True,
        "words": True,
        "interim_results": False,
        "events": list(EVENTS),
        "resume": None,
    }
    options = SessionOptions(
        language="Cantonese",
        context="billing",
        keywords=("Ängström", "SKU"),
        unfixed_chunk_num=2,
        unfixed_token_num=3,
        chunk_size_sec=2.0,
        vad_threshold=0.4,
        silence_threshold=0.5,
        min_speech_duration=0.1,
        max_utterance=20.0,
        denoise=True,
        words=True,
        interim_results=False,
    )
    assert codec.receive_text(json.dumps(config)) == (
        Open(options, AudioFormat("mulaw", 8_000, 2), frozenset(EVENTS)),
    )


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("vad_treshold", 0.5, "unknown_option"),
        ("vad_threshold", True, "invalid_option"),
        ("vad_threshold", 1.5, "invalid_option"),
        ("silence_threshold", 0, "invalid_option"),
        ("min_speech_duration", "0.2", "invalid_option"),
        ("min_speech_duration", 40, "invalid_option"),
        ("max_utterance", -3, "invalid_option"),
        ("sample_rate", 3999, "invalid_option"),
        ("sample_rate", 192001, "invalid_option"),
        ("sample_rate", 8000.5, "invalid_option"),
        ("channels", 3, "invalid_option"),
        ("channels", True, "invalid_option"),
        ("encoding", "vorbis", "invalid_option"),
        ("events", ["partial"], "invalid_option"),
        ("keywords", "word", "invalid_option"),
        ("context", None, "invalid_option"),
        ("context", "x" * 10_001, "invalid_option"),
        ("denoise", 1, "invalid_option"),
        ("unfixed_chunk_num", 4.0, "invalid_option"),
        ("language", "Klingonese", "unknown_language"),
        ("resume", 7, "invalid_option"),
        ("resume", "t" * 201, "invalid_option"),
        ("seq", 1, "unknown_option"),
        ("attempt", 1, "unknown_option"),
    ],
)
def test_a_wrong_option_is_named_and_fatal_before_the_session(name, value, code):
    error = config_error(NativeCodec(DEFAULTS, Request()), **{name: value})
    assert (error.code, error.close_code) == (code, 1008)
    assert name in error.message


@pytest.mark.parametrize(
    ("message", "code", "close_code"),
    [
        ("{", "invalid_json", 1007),
        ('{"type": "config", "vad_threshold": NaN}', "invalid_json", 1007),
        ("[" * 200_000, "message_too_long", 1009),
        ("[]", "not_an_object", 1007),
        ("{}", "unknown_type", 1008),
        ('{"type": 3}', "unknown_type", 1008),
        ('{"type": "start_recording"}', "unknown_type", 1008),
        ('{"type": "flush"}', "config_expected", 1008),
        ('{"type": "finalize"}', "config_expected", 1008),
    ],
)
def test_before_the_session_every_mistake_is_fatal(message, code, close_code):
    error = text_error(NativeCodec(DEFAULTS, Request()), message)
    assert (error.code, error.close_code) == (code, close_code)


def test_audio_before_the_config_is_fatal():
    with pytest.raises(ClientError) as caught:
        NativeCodec(DEFAULTS, Request()).receive_binary(b"\x00")
    assert (caught.value.code, caught.value.close_code) == ("audio_before_config", 1008)


@pytest.mark.parametrize("message", ["{", "[]", "{}", '{"type": "config", "words": 1}'])
def test_afterwards_a_mistake_is_answered_and_the_call_goes_on(message):
    codec = opened()
    assert not text_error(codec, message).fatal
    assert codec.receive_binary(b"\x00") == (Audio(b"\x00"),)


def test_a_second_config_changes_what_it_names():
    codec = opened(language="en", context="a", words=True)
    (command,) = codec.receive_text(
        '{"type": "config", "language": "de", "silence_threshold": 0.3, "words": true}'
    )
    assert command == Configure(
        SessionOptions(language="German", context="a", words=True, silence_threshold=0.3)
    )
    (command,) = codec.receive_text('{"type": "config", "language": null}')
    assert command == Configure(SessionOptions(context="a", words=True, silence_threshold=0.3))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"encoding": "pcm16"}, "audio_format_fixed"),
        ({"sample_rate": 8000}, "audio_format_fixed"),
        ({"channels": 2}, "audio_format_fixed"),
        ({"denoise": True}, "option_fixed"),
        ({"post_filter": True}, "option_fixed"),
        ({"chunk_size_sec": 2.0}, "option_fixed"),
        ({"events": ["gap"]}, "option_fixed"),
    ],
)
def test_a_second_config_cannot_change_the_rest(change, code):
    codec = opened(context="kept")
    error = config_error(codec, context="lost", **change)
    assert (error.code, error.fatal) == (code, False)
    assert next(iter(change)) in error.message
    (command,) = codec.receive_text('{"type": "config"}')
    assert isinstance(command, Configure)
    assert command.options.context == "kept"


def test_words_and_interim_results_may_change():
    codec = opened()
    (command,) = codec.receive_text('{"type": "config", "words": true, "interim_results": false}')
    assert isinstance(command, Configure)
    assert (command.options.words, command.options.interim_results) == (True, False)


def switched(codec: NativeCodec, on: bool) -> bool:
    """Switch `denoise`; return the value that follows."""
    (command,) = codec.receive_text(json.dumps({"type": "config", "denoise": on}))
    assert isinstance(command, Configure)
    return command.options.denoise


def test_a_call_that_was_opened_with_denoise_may_switch_it():
    codec = opened(denoise=True)
    assert [switched(codec, on) for on in (False, False, True)] == [False, False, True]


@pytest.mark.parametrize("later", [False, True])
def test_a_call_without_a_denoiser_counts_as_opened_without(later):
    codec = opened(denoise=True)
    if later:
        switched(codec, False)
    rendered(codec, Failed("denoise_unavailable", "it goes on", fatal=False))
    assert not switched(codec, False)
    error = config_error(codec, denoise=True, language="de")
    assert (error.code, error.fatal) == ("option_fixed", False)
    assert "denoise" in error.message
    assert "opened with it" in error.message
    assert codec.receive_text('{"type": "config"}') == (Configure(DEFAULTS),)


def test_a_refused_first_config_leaves_no_trace():
    codec = NativeCodec(DEFAULTS, Request())
    config_error(codec, words=True, channels=9)
    (command,) = codec.receive_text('{"type": "config"}')
    assert command == Open(DEFAULTS, AudioFormat(), frozenset())


def test_after_finalize_nothing_is_taken_and_late_audio_is_told_once():
    codec = opened()
    codec.receive_text('{"type": "finalize"}')
    with pytest.raises(ClientError) as caught:
        codec.receive_binary(b"\x00")
    assert (caught.value.code, caught.value.fatal) == ("finalized", False)
    assert codec.receive_binary(b"\x00") == ()
    assert text_error(codec, '{"type": "finalize"}').code == "finalized"
    assert text_error(codec, '{"type": "config"}').code == "finalized"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)
CONFIGS = st.dictionaries(
    st.sampled_from(["language", "sample_rate", "events", "keywords", "vad_threshold", "resume"])
    | st.text(max_size=8),
    JSON,
    max_size=4,
)


@given(CONFIGS, st.booleans())
def test_any_config_is_taken_or_refused_with_a_client_error(config, second):
    codec = opened() if second else NativeCodec(DEFAULTS, Request())
    message = json.dumps({**config, "type": "config"})
    try:
        commands = codec.receive_text(message)
    except ClientError as error:
        refused = error
    else:
        assert isinstance(commands[0], (Configure,) if second else (Open, Resume))
        return
    assert refused.fatal is not second
    (answer,) = rendered(codec, refused.event)
    assert answer["code"] == refused.code


def test_a_token_beside_the_name_is_not_chosen():
    assert PROTOCOL.subprotocol(["callscribe", "token.abc"]) == "callscribe"
    assert PROTOCOL.subprotocol(["token.abc"]) is None


def test_compressed_audio_tells_its_own_rate_and_is_not_resumed():
    codec = NativeCodec(DEFAULTS, Request())
    config = {"type": "config", "encoding": "webm", "channels": 2}
    (opening,) = codec.receive_text(json.dumps(config))
    assert isinstance(opening, Open)
    assert (opening.coding, opening.audio) == ("webm", AudioFormat("pcm16", 16_000, 2))
    assert codec.receive_text(json.dumps(config))  # the same again changes nothing
    assert config_error(codec, encoding="ogg").code == "audio_format_fixed"
    created = rendered(codec, Created("s", ""))
    assert created == [{"type": "session_created", "session_id": "s", "resume_token": ""}]


@pytest.mark.parametrize(
    ("beside", "code", "named"),
    [
        ({"sample_rate": 48_000}, "invalid_option", "sample_rate"),
        ({"events": ["audio_ack"]}, "invalid_option", "audio_ack"),
        ({"resume": "s.t"}, "invalid_option", "cannot be resumed"),
    ],
)
def test_what_compressed_audio_has_not_is_refused(beside, code, named):
    error = config_error(NativeCodec(DEFAULTS, Request()), encoding="opus", **beside)
    assert (error.code, error.fatal) == (code, True)
    assert named in error.message
