"""What the gateway reads of its settings with its own packages."""

import pytest

from common.errors import SettingsError
from common.settings import load
from gateway import policies
from gateway.policies import Policies
from gateway.settings import GatewaySettings


@pytest.mark.parametrize("url", ["collector:4318", "grpc://collector:4317", "http://", "http:// x"])
def test_a_collector_has_a_url_of_http(url):
    with pytest.raises(SettingsError, match=r"--otlp-endpoint: .* is not a URL with http"):
        Policies.of(load(GatewaySettings, ["--otlp-endpoint", url], {}))


def test_spans_without_opentelemetry_are_refused_with_a_sentence(monkeypatch):
    monkeypatch.setattr(policies, "_OTLP", "no_such_package.otlp")
    with pytest.raises(SettingsError) as caught:
        Policies.of(
            load(GatewaySettings, [], {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"})
        )
    assert str(caught.value) == (
        "--otlp-endpoint: OpenTelemetry is not installed: pip install 'callscribe[otel]'"
    )


def test_a_file_has_more_sinks(tmp_path):
    file = tmp_path / "sinks"
    flags = ["--sinks", "archive=file:/x", "--sinks-file", str(file)]
    with pytest.raises(SettingsError, match=r"--sinks-file: .*No such file"):
        Policies.of(load(GatewaySettings, flags, {}))
    file.write_text("crm=postgresql://me:secret@db/calls\n\nbus=kafka://mq/calls\n")
    sinks = Policies.of(load(GatewaySettings, flags, {})).sinks
    assert [each.name for each in sinks] == ["archive", "crm", "bus"]
    file.write_text("archive=postgresql://me:secret@db/calls")
    with pytest.raises(SettingsError, match="archive is there twice") as caught:
        Policies.of(load(GatewaySettings, flags, {}))
    assert "secret" not in str(caught.value)


def test_an_auth_token_that_is_not_there_or_empty_is_refused_at_once(tmp_path):
    file = tmp_path / "token"
    flags = ["--twilio-auth-token-file", str(file)]
    with pytest.raises(SettingsError, match=r"--twilio-auth-token-file: .*No such file"):
        Policies.of(load(GatewaySettings, flags, {}))
    file.write_text("\n")
    with pytest.raises(SettingsError, match=r"--twilio-auth-token-file: .* is empty"):
        Policies.of(load(GatewaySettings, flags, {}))
    file.write_text("secret\n")
    assert Policies.of(load(GatewaySettings, flags, {})).twilio_auth_token == b"secret"
