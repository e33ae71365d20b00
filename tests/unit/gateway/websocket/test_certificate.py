import hashlib
import ssl

import pytest

from gateway.websocket.certificate import self_signed_context


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> bytes:
    """Connect both in memory; return the certificate that the client was shown."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(down, up, server_hostname=host),
        server.wrap_bio(up, down, server_side=True),
    ]
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    certificate = ends[0].getpeercert(binary_form=True)
    assert certificate is not None
    return certificate


def trusting(certificate: bytes | None) -> ssl.SSLContext:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if certificate is None:
        client.check_hostname = False
        client.verify_mode = ssl.CERT_NONE
    else:
        client.load_verify_locations(cadata=certificate)
    return client


def test_the_fingerprint_is_that_of_the_certificate_shown():
    context, fingerprint = self_signed_context("0.0.0.0")
    certificate = handshake(context, trusting(None), "localhost")
    assert hashlib.sha256(certificate).hexdigest() == fingerprint.replace(":", "")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "calls.example"])
def test_it_is_valid_for_the_names_of_this_machine(host):
    context, _ = self_signed_context("calls.example")
    certificate = handshake(context, trusting(None), host)
    assert handshake(context, trusting(certificate), host) == certificate


def test_it_is_not_valid_for_others():
    context, _ = self_signed_context("calls.example")
    certificate = handshake(context, trusting(None), "localhost")
    with pytest.raises(ssl.SSLCertVerificationError, match="elsewhere"):
        handshake(context, trusting(certificate), "elsewhere.example")


def test_no_key_stays_on_disk(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    self_signed_context("localhost")
    assert list(tmp_path.iterdir()) == []
