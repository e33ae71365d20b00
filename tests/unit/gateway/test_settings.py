import pytest

from common.errors import SettingsError
from common.options import OPTIONS, Kind, SessionOptions
from common.settings import definitions, load
from gateway import settings as gateway_settings
from gateway.settings import GatewaySettings

OURS = {
    each.setting: each
    for each in OPTIONS.values()
    if each.setting in definitions(GatewaySettings) and each.kind is not Kind.LANGUAGE
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


def test_an_utterance_that_would_be_cut_before_it_begins_is_refused():
    flags = ["--min-speech-duration", "5", "--max-utterance", "5"]
    with pytest.raises(SettingsError) as caught:
        load(GatewaySettings, flags, {})
    expected = "--min-speech-duration: 5 s is not less than --max-utterance (5 s)"
    assert str(caught.value) == expected


@pytest.mark.parametrize("url", ["collector:4318", "grpc://collector:4317", "http://", "http:// x"])
def test_a_collector_has_a_url_of_http(url):
    with pytest.raises(SettingsError, match=r"--otlp-endpoint: .* is not a URL with http"):
        load(GatewaySettings, ["--otlp-endpoint", url], {})


def test_spans_without_opentelemetry_are_refused_with_a_sentence(monkeypatch):
    monkeypatch.setattr(gateway_settings, "_OTLP", "no_such_package.otlp")
    with pytest.raises(SettingsError) as caught:
        load(GatewaySettings, [], {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"})
    assert str(caught.value) == (
        "--otlp-endpoint: OpenTelemetry is not installed: pip install 'callscribe[otel]'"
    )


def test_an_auth_token_that_is_not_there_or_empty_is_refused_at_once(tmp_path):
    file = tmp_path / "token"
    flags = ["--twilio-auth-token-file", str(file)]
    with pytest.raises(SettingsError, match=r"--twilio-auth-token-file: .*No such file"):
        load(GatewaySettings, flags, {})
    file.write_text("\n")
    with pytest.raises(SettingsError, match=r"--twilio-auth-token-file: .* is empty"):
        load(GatewaySettings, flags, {})
    file.write_text("secret\n")
    assert load(GatewaySettings, flags, {}).auth_token() == b"secret"
