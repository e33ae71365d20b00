"""The parameters of a request."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.options import SessionOptions
from gateway.protocols.api import ClientError
from gateway.protocols.commands import AudioFormat
from gateway.protocols.deepgram import parameters
from gateway.protocols.deepgram.wording import Wording

DEFAULTS = SessionOptions(silence_threshold=0.7, interim_results=True)
LEAST = {"encoding": ["linear16"], "sample_rate": ["16000"]}


def live(**query: str | list[str]) -> parameters.Live:
    given = {name: [value] if isinstance(value, str) else value for name, value in query.items()}
    return parameters.live(LEAST | given, DEFAULTS)


def complaint(**query: str | list[str]) -> str:
    with pytest.raises(ClientError) as caught:
        live(**query)
    return caught.value.message


def test_without_more_there_are_words_and_no_interim_results():
    asked = live()
    assert asked.options == SessionOptions(silence_threshold=0.7, interim_results=False, words=True)
    assert asked.audio == AudioFormat("pcm16", 16_000, 1)
    assert (asked.vad_events, asked.utterance_end, asked.detects_language) == (False, None, True)


@pytest.mark.parametrize(
    ("encoding", "ours"),
    [("linear16", "pcm16"), ("linear32", "float32"), ("mulaw", "mulaw"), ("alaw", "alaw")],
)
def test_raw_audio_of_any_rate_is_read(encoding, ours):
    asked = live(encoding=encoding, sample_rate="44100", channels="2", multichannel="true")
    assert asked.audio == AudioFormat(ours, 44_100, 2)


@pytest.mark.parametrize(
    ("encoding", "coding"),
    [("", "any"), ("opus", "opus"), ("ogg-opus", "ogg"), ("flac", "flac"), ("g729", "g729")],
)
def test_compressed_audio_tells_its_own_rate(encoding, coding):
    asked = live(encoding=encoding, sample_rate="48000", channels="2")
    assert (asked.coding, asked.audio) == (coding, AudioFormat("pcm16", 16_000, 2))
    assert live().coding is None


def test_what_we_do_not_know_is_ignored():
    assert live(model="nova-3", punctuate="true", search="maybe", tag=["a", "b"]) == live()


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ({}, False),
        ({"diarize": "false"}, False),
        ({"diarize": "true"}, True),
        ({"diarize_model": "latest"}, True),
        ({"diarize": "false", "diarize_model": "v1"}, True),
        ({"diarize_version": "latest"}, False),
    ],
)
def test_speakers_are_told_apart_where_that_is_asked_for(query, asked):
    assert live(**query).options.diarize is asked


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("encoding", "amr", "encoding must be one of linear16, linear32, mulaw, alaw, opus, ogg-"),
        ("sample_rate", "", "sample_rate is missing"),
        ("sample_rate", "3999", "sample_rate must be a whole number from 4000 to 192000"),
        ("sample_rate", "16_000", "sample_rate must be a whole number"),
        ("sample_rate", "\u0661\u0666\u0660\u0660\u0660", "sample_rate must be a whole number"),
        ("channels", "3", "channels must be a whole number from 1 to 2, not '3'"),
        ("multichannel", "yes", "multichannel must be true or false, not 'yes'"),
        ("diarize", "maybe", "diarize must be true or false, not 'maybe'"),
        ("diarize_model", "v3", "diarize_model must be one of latest, v1, v2, not 'v3'"),
        ("interim_results", "2", "interim_results must be true or false"),
        ("endpointing", "soon", "endpointing must be a whole number from 0 to 60000, not 'soon'"),
        ("utterance_end_ms", "0", "utterance_end_ms must be a whole number from 1 to 60000"),
        ("language", "tlh", "language: unknown language 'tlh'"),
        ("detect_language", "tlh", "detect_language: unknown language 'tlh'"),
        ("keyterm", "k" * 101, "keyterm must be a list of at most 100 strings"),
    ],
)
def test_a_parameter_of_no_use_is_named(name, value, message):
    assert message in complaint(**{name: value})


@pytest.mark.parametrize(
    ("endpointing", "utterance_end", "silence", "speech_end"),
    [
        ("300", "1000", 0.3, None),
        ("1000", "1000", 1.0, None),
        ("", "1000", 0.7, None),
        ("5000", "1000", 1.0, 80_000),
        ("false", "1500", 1.5, 0),
        ("false", "1", 0.01, 0),
        ("false", "", 60.0, None),
    ],
)
def test_no_utterance_waits_longer_than_for_its_end(
    endpointing, utterance_end, silence, speech_end
):
    asked = live(endpointing=endpointing, utterance_end_ms=utterance_end)
    assert asked.options.silence_threshold == silence
    assert asked.speech_end == speech_end


@pytest.mark.parametrize("name", ["keyterm", "keywords"])
def test_an_empty_term_asks_for_nothing(name):
    assert live(**{name: ""}) == live()
    assert live(**{name: ["", "Ada"]}).options.keywords == ("Ada",)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("true", 0.7), ("", 0.7), ("false", 60.0), ("500", 0.5), ("25", 0.025), ("0", 0.01)],
)
def test_endpointing_is_the_silence_that_ends_an_utterance(value, seconds):
    assert live(endpointing=value).options.silence_threshold == seconds


@pytest.mark.parametrize("value", ["true", "True", "1"])
def test_flags_are_texts(value):
    asked = live(interim_results=value, vad_events=value)
    assert asked.options.interim_results
    assert asked.vad_events


@pytest.mark.parametrize(("value", "samples"), [("1000", 16_000), ("", None), ("false", None)])
def test_the_end_of_an_utterance_is_in_samples(value, samples):
    assert live(utterance_end_ms=value).utterance_end == samples


@pytest.mark.parametrize(
    ("query", "language"),
    [
        ({"language": "de"}, "German"),
        ({"language": "en-US"}, "English"),
        ({"language": "multi"}, None),
        ({"language": "de", "detect_language": "true"}, None),
    ],
)
def test_a_language_is_fixed_or_told_with_each_result(query, language):
    asked = live(**query)
    assert asked.options.language == language
    assert asked.detects_language == (language is None)


@pytest.mark.parametrize(
    ("detected", "languages"),
    [
        (["en", "es-MX"], ("English", "Spanish")),
        (["true"], ()),
        (["true", "fr"], ("French",)),
    ],
)
def test_a_language_is_detected_among_those_that_are_named(detected, languages):
    asked = live(detect_language=detected, language="de")
    assert (asked.options.language, asked.options.languages) == (None, languages)
    assert asked.detects_language


@pytest.mark.parametrize(
    ("query", "languages"),
    [
        ({}, ("Spanish", "English")),
        ({"language": ["multi"]}, ("Spanish", "English")),
        ({"detect_language": ["true"]}, ("Spanish", "English")),
        ({"detect_language": ["fr"]}, ("French",)),
        ({"language": ["de"]}, ()),
    ],
)
def test_without_names_it_is_detected_among_those_of_the_deployment(query, languages):
    among = SessionOptions(languages=("Spanish", "English"))
    assert parameters.live(LEAST | query, among).options.languages == languages


def test_the_last_value_of_a_parameter_counts():
    assert live(sample_rate=["8000", "24000"]).audio.sample_rate == 24_000


def test_terms_come_from_both_parameters_and_without_their_boosts():
    asked = live(
        keyterm=["Northwind Energy", "a:b"], keywords=["Carter:2.5", "bill", "uh:-1", "x:0"]
    )
    assert asked.options.keywords == ("Northwind Energy", "a:b", "Carter", "bill")


VALUES = st.text() | st.sampled_from(["true", "0", "9" * 9, "en", "a:1e9", "x:" + "9" * 400])
NAMES = (
    *("encoding", "sample_rate", "channels", "multichannel", "interim_results", "endpointing"),
    *("utterance_end_ms", "vad_events", "language", "detect_language", "keyterm", "keywords"),
)


@given(query=st.dictionaries(st.sampled_from(NAMES), st.lists(VALUES, max_size=3)))
def test_junk_is_never_anything_but_a_client_error(query):
    with suppress(ClientError):
        parameters.live(LEAST | query, DEFAULTS)


def test_recorded_audio_has_the_same_language_and_terms():
    query = {"language": ["de"], "keyterm": ["Strom"]}
    options = parameters.recognition(query, DEFAULTS)
    assert (options.language, options.keywords, options.words) == ("German", ("Strom",), True)


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({}, "engine"),
        ({"numerals": "true"}, "digits"),
        ({"smart_format": "true"}, "grouped"),
        ({"smart_format": "true", "numerals": "true"}, "grouped"),
        ({"smart_format": "false", "numerals": "false"}, "engine"),
        ({"smart_format": "true", "language": "en-GB"}, "grouped"),
        ({"smart_format": "true", "language": "de"}, "grouped"),
        ({"smart_format": "true", "language": "hu"}, "engine"),
    ],
)
def test_numbers_are_written_in_languages_that_are_known(query, numbers):
    assert live(**query).options.numbers == numbers


@pytest.mark.parametrize(
    ("query", "wording"),
    [
        ({}, Wording()),
        ({"punctuate": "true"}, Wording()),
        ({"punctuate": "false"}, Wording(bare=True)),
        ({"punctuate": "false", "smart_format": "true"}, Wording()),
        ({"dictation": "true"}, Wording()),
        ({"dictation": "true", "punctuate": "true"}, Wording(dictated=True)),
        ({"dictation": "true", "smart_format": "true"}, Wording(dictated=True)),
        ({"profanity_filter": "true"}, Wording(clean=True)),
        ({"profanity_filter": "false", "dictation": "false"}, Wording()),
    ],
)
def test_how_texts_are_written(query, wording):
    assert live(**query).wording == wording


@pytest.mark.parametrize("name", ["punctuate", "dictation", "profanity_filter", "smart_format"])
def test_what_is_neither_true_nor_false_is_refused(name):
    assert f"{name} must be true or false" in complaint(**{name: "maybe"})


@pytest.mark.parametrize(
    ("redact", "hidden"),
    [
        ("pci", ("pci",)),
        (["ssn", "pci", "numbers"], ("numbers", "pci", "ssn")),
        (["credit_card", "cvv"], ("pci",)),
        (["email_address", "phone_number"], ("phone", "email")),
        ("bank_account", ("numbers", "iban")),
        ("account_number", ("numbers", "iban")),
        (["routing_number", "location_zip", "numerical_pii"], ("numbers",)),
        (["true", "aggressive_numbers"], ("numbers",)),
        (["dob", "credit_card_expiration"], ("pci", "dob")),
        ("false", ()),
    ],
)
def test_secrets_are_hidden(redact, hidden):
    assert live(redact=redact, language="en").options.redact == hidden


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"redact": "pii", "language": "en"}, "redact must be one of pci, "),
        ({"redact": ["pci", "name"], "language": "en"}, "not 'name'"),
        ({"redact": "pci", "language": "hu"}, "redact needs the language English, French, German"),
        ({"redact": "pci"}, "redact needs the language English"),
    ],
)
def test_what_cannot_be_hidden_is_refused(query, message):
    assert message in complaint(**query)
