"""What a client sets, in either form, and the options that it means."""

from dataclasses import replace
from typing import Any

import pytest

from common.options import SessionOptions
from gateway.protocols.api import ClientError
from gateway.protocols.commands import AudioFormat
from gateway.protocols.openai_realtime.session import Session

DEFAULTS = SessionOptions()


def given(*updates: dict[str, Any]) -> Session:
    """Return the session after updates, each an ``audio.input``."""
    session = Session.initial(DEFAULTS)
    for update in updates:
        session = session.updated({"type": "transcription", "audio": {"input": update}})
    return session


def flat(**update: Any) -> Session:
    return Session.initial(DEFAULTS).updated(update)


def turns(**detection: Any) -> dict[str, Any]:
    return {"turn_detection": detection}


def test_a_client_that_sets_nothing_gets_the_defaults():
    session = Session.initial(DEFAULTS)
    assert session.options == DEFAULTS
    assert session.audio == AudioFormat("pcm16", 24_000, 1)
    assert not session.manual
    assert session.shown() == {
        "format": {"type": "audio/pcm", "rate": 24_000},
        "transcription": {},
        "turn_detection": {
            "type": "server_vad",
            "threshold": 0.5,
            "prefix_padding_ms": 300,
            "silence_duration_ms": 800,
        },
        "noise_reduction": None,
    }


@pytest.mark.parametrize(
    ("given_format", "old", "audio"),
    [
        ({"type": "audio/pcm", "rate": 24_000}, "pcm16", AudioFormat("pcm16", 24_000)),
        ({"type": "audio/pcm"}, "pcm16", AudioFormat("pcm16", 24_000)),
        ({"type": "audio/pcmu"}, "g711_ulaw", AudioFormat("mulaw", 8_000)),
        ({"type": "audio/pcma"}, "g711_alaw", AudioFormat("alaw", 8_000)),
    ],
)
def test_a_format_has_a_name_in_both_forms(given_format, old, audio):
    for session in (given({"format": given_format}), flat(input_audio_format=old)):
        assert session.audio == audio
        assert session.shown()["format"]["type"] == given_format["type"]
        assert session.shown_flat()["input_audio_format"] == old


def test_pcm_may_have_another_rate_and_keeps_it():
    session = given({"format": {"type": "audio/pcm", "rate": 16_000}}, {"transcription": {}})
    assert session.audio == AudioFormat("pcm16", 16_000)


def test_what_was_set_stays_until_it_is_set_again():
    session = given(
        {"transcription": {"model": "any", "language": "en", "prompt": "about", "keywords": ["a"]}},
        {"transcription": {"language": "de"}},
        turns(type="server_vad", threshold=0.7),
        turns(type="server_vad", silence_duration_ms=350),
    )
    assert session.options == SessionOptions(
        language="German",
        context="about",
        keywords=("a",),
        vad_threshold=0.7,
        silence_threshold=0.35,
    )
    assert session.shown()["transcription"]["model"] == "any"
    assert session.shown()["transcription"]["language"] == "de"


def test_the_flat_form_means_the_same():
    session = flat(
        input_audio_transcription={"language": "fr", "model": "any"},
        turn_detection={"type": "server_vad", "silence_duration_ms": 600},
        input_audio_noise_reduction={"type": "far_field"},
    )
    assert session.options == SessionOptions(language="French", silence_threshold=0.6, denoise=True)
    assert session.shown_flat()["input_audio_noise_reduction"] == {"type": "far_field"}


def test_a_client_that_names_no_language_gets_the_deployments():
    told = SessionOptions(language="German", languages=("German", "English"))
    silent = Session.initial(told).updated({"audio": {"input": {"transcription": {}}}})
    assert (silent.options.language, silent.options.languages) == ("German", told.languages)
    any_of_all = silent.updated({"audio": {"input": {"transcription": {"languages": []}}}})
    assert (any_of_all.options.language, any_of_all.options.languages) == (None, ())


@pytest.mark.parametrize(
    ("languages", "language", "among"),
    [
        ([], None, ()),
        (["pt-BR"], "Portuguese", ()),
        (["en", "de", "en-GB"], None, ("English", "German")),
        (["en", "auto"], None, ()),
    ],
)
def test_one_of_several_languages_is_detected(languages, language, among):
    session = given({"transcription": {"languages": languages}})
    assert (session.options.language, session.options.languages) == (language, among)


def test_a_language_that_is_told_is_not_detected_among_others():
    session = given({"transcription": {"languages": ["en", "de"], "language": "fr"}})
    assert (session.options.language, session.options.languages) == ("French", ())


def test_without_turn_detection_the_client_commits_utterances_of_the_usual_length():
    session = given(turns(type="server_vad", silence_duration_ms=100), {"turn_detection": None})
    assert session.manual
    assert session.options == DEFAULTS
    assert session.shown()["turn_detection"] is None
    assert not session.updated({"turn_detection": {"type": "server_vad"}}).manual


@pytest.mark.parametrize("model", ["gpt-realtime-whisper", "gpt-live-transcribe-2026"])
def test_a_model_whose_clients_commit_has_no_turn_detection_unless_asked_for(model):
    session = given({"transcription": {"model": model}})
    assert session.manual
    assert not given({"transcription": {"model": model}}, turns(type="server_vad")).manual


@pytest.mark.parametrize(
    ("eagerness", "silence"), [("low", 1.6), ("medium", 0.8), ("auto", 0.8), ("high", 0.4)]
)
def test_semantic_vad_goes_by_words_and_a_length_of_silence(eagerness, silence):
    session = given(turns(type="semantic_vad", eagerness=eagerness))
    assert session.options.silence_threshold == pytest.approx(silence)
    assert session.options.endpointing == "turn"
    assert session.shown()["turn_detection"] == {"type": "semantic_vad", "eagerness": eagerness}


def test_another_kind_of_turn_detection_begins_with_its_defaults():
    session = given(turns(type="server_vad", threshold=0.9), turns(type="semantic_vad"))
    assert session.options == replace(DEFAULTS, endpointing="turn")
    assert session.updated(turns(type="server_vad")).options == DEFAULTS


def test_noise_is_reduced_if_asked_for_or_by_default():
    assert given({"noise_reduction": {"type": "near_field", "strength": 0.5}}).options.denoise
    assert not given({"noise_reduction": None}).options.denoise
    noisy = Session.initial(SessionOptions(denoise=True))
    assert noisy.options.denoise
    assert noisy.shown()["noise_reduction"] == {"type": "near_field"}
    off = noisy.updated({"audio": {"input": {"noise_reduction": None}}})
    assert not off.options.denoise
    assert off.shown()["noise_reduction"] is None


def test_fields_without_a_meaning_here_are_ignored():
    session = given(
        {
            "transcription": {"delay": "low", "prompt": None},
            "turn_detection": {"type": "server_vad", "create_response": False},
            "more": 1,
        }
    )
    assert session.shown() == given({}).shown()


@pytest.mark.parametrize(
    ("update", "code", "named"),
    [
        ({"type": "realtime"}, "unsupported_session_type", "only transcribes"),
        ({"audio": 1}, "invalid_option", "audio"),
        ({"audio": {"input": []}}, "invalid_option", "audio.input"),
        ({"input_audio_format": "opus"}, "invalid_option", "input_audio_format"),
        ({"turn_detection": {"type": "magic"}}, "invalid_option", "turn_detection.type"),
        (
            {"turn_detection": {"silence_duration_ms": 0}},
            "invalid_option",
            "turn_detection.silence_duration_ms",
        ),
        ({"input_audio_transcription": {"language": "xx"}}, "unknown_language", "language"),
        ({"input_audio_transcription": {"languages": ["xx"]}}, "unknown_language", "languages"),
        ({"audio": {"input": {"format": {"type": "audio/opus"}}}}, "invalid_option", "audio/pcmu"),
        ({"audio": {"input": {"format": {"rate": 1}}}}, "invalid_option", "format.rate"),
    ],
)
def test_a_value_that_is_not_allowed_is_named(update, code, named):
    with pytest.raises(ClientError) as caught:
        flat(**update)
    assert (caught.value.code, caught.value.fatal) == (code, False)
    assert named in caught.value.message
