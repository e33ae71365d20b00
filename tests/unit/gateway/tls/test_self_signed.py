import ssl
import time

import pytest

from common.errors import SettingsError
from common.telemetry import logs
from gateway.tls.certificate import Certificate
from gateway.tls.keeping import kept
from gateway.tls.names import own_names
from gateway.tls.self_signed import SelfSigned
from tests.certificates import identity
from tests.unit.gateway.tls.test_certificate import handshake, trusting


def shown_by(tls):
    """Shake hands with what is served now, which must be the certificate that is offered."""
    offered = Certificate(tls.own, b"")
    shown = handshake(tls.context, trusting(offered), "localhost")
    assert shown == ssl.PEM_cert_to_DER_cert(tls.own.decode())
    return shown


def test_no_key_stays_on_disk(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    shown_by(SelfSigned("localhost", None))
    assert list(tmp_path.iterdir()) == []


def test_one_that_is_kept_is_served_again(tmp_path):
    first = shown_by(SelfSigned("0.0.0.0", tmp_path))
    assert shown_by(SelfSigned("0.0.0.0", tmp_path)) == first


def test_what_another_gateway_renewed_is_served_without_a_restart(tmp_path):
    tls = SelfSigned("127.0.0.1", tmp_path)
    first = shown_by(tls)
    tls.refresh()
    assert shown_by(tls) == first
    kept(tmp_path, own_names("other.example"))
    tls.refresh()
    assert shown_by(tls) != first


def test_the_fingerprint_and_the_file_are_logged(tmp_path, capsys):
    logs.configure(level="info", format="console", service="gateway")
    tls = SelfSigned("127.0.0.1", tmp_path)
    said = capsys.readouterr().err
    assert tls.own is not None
    assert f"sha256={Certificate(tls.own, b'').fingerprint}" in said
    assert f"path={tmp_path}/fullchain.pem" in said


def test_the_flag_of_a_bad_directory_is_named(tmp_path):
    identity(tmp_path, "fullchain", "localhost")
    with pytest.raises(SettingsError, match=r"--self-signed-cert-dir: .* did not make"):
        SelfSigned("127.0.0.1", tmp_path)


def test_it_tells_when_the_one_that_is_served_ends():
    tls = SelfSigned("localhost", None)
    assert tls.expiry - time.time() == pytest.approx(365 * 86_400, abs=60)
