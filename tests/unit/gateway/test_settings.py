import pytest

from common.errors import SettingsError
from common.options import OPTIONS, Kind, SessionOptions
from common.settings import definitions, load
from gateway.settings import GatewaySettings

OURS = {
    each.setting: each
    for each in OPTIONS.values()
    if each.setting in definitions(GatewaySettings)
    and each.kind in (Kind.BOOL, Kind.INT, Kind.FLOAT)
}


@pytest.mark.parametrize("name", OURS)
def test_a_session_gets_what_the_setting_says(name):
    option = OURS[name]
    flag = f"--{name.replace('_', '-')}"
    other = [flag] if option.high == 0 else [flag, f"{option.high - 1:g}"]
    value = True if option.high == 0 else option.high - 1
    roomy = ["--max-utterance", "300"] if name == "min_speech_duration" else []
    options = load(GatewaySettings, [*roomy, *other], {}).session_defaults()
    assert getattr(options, option.name) == value
    assert getattr(SessionOptions(), option.name) != value


def test_telephone_calls_get_what_the_settings_say_of_numbers():
    flags = ["--numbers", "digits", "--redact", "pci, email", "--language", "en"]
    options = load(GatewaySettings, flags, {}).session_defaults()
    assert (options.numbers, options.redact) == ("digits", ("pci", "email"))
    assert load(GatewaySettings, [], {}).session_defaults().redact == ()


def test_a_call_that_names_no_language_is_detected_among_those_of_the_settings():
    flags = ["--languages", "es, English,spanish"]
    options = load(GatewaySettings, flags, {}).session_defaults()
    assert (options.language, options.languages) == (None, ("Spanish", "English"))
    assert load(GatewaySettings, [], {}).session_defaults().languages == ()


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--language", "xx"], "--language: unknown language 'xx'"),
        (["--languages", "en,xx"], "--languages: unknown language 'xx'"),
        (
            ["--languages", "en,es", "--language", "de"],
            "--languages: language (German) is none of languages (English, Spanish)",
        ),
    ],
)
def test_languages_that_do_not_fit_are_refused(flags, expected):
    with pytest.raises(SettingsError) as caught:
        load(GatewaySettings, flags, {})
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--redact", "pci,nonsense"], "--redact: 'nonsense' is none of numbers, pci"),
        (["--redact", "pci"], "--redact: redact needs the language English"),
        (
            ["--numbers", "digits", "--language", "hu"],
            "--numbers: numbers (digits) knows English, French",
        ),
    ],
)
def test_what_cannot_be_hidden_is_refused(flags, expected):
    with pytest.raises(SettingsError) as caught:
        load(GatewaySettings, flags, {})
    assert str(caught.value).startswith(expected)


def test_an_utterance_that_would_be_cut_before_it_begins_is_refused():
    flags = ["--min-speech-duration", "5", "--max-utterance", "5"]
    with pytest.raises(SettingsError) as caught:
        load(GatewaySettings, flags, {})
    expected = "--min-speech-duration: 5 s is not less than --max-utterance (5 s)"
    assert str(caught.value) == expected
