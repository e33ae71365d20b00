import hashlib
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from gateway.tls.certificate import chain_expiry, make

NAMES = ["localhost", "127.0.0.1", "::1", "calls.example"]


def now(days: int = 0) -> datetime:
    return datetime.now(UTC) + timedelta(days)


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


def serving(certificate, directory):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    both = directory / "both.pem"
    both.write_bytes(certificate.pem + certificate.key)
    server.load_cert_chain(both)
    return server


def trusting(certificate, *flags):
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(cadata=certificate.pem.decode())
    for flag in flags:
        client.verify_flags |= flag
    return client


# From Python 3.13 on both are set by default.
FLAGS = [(), (ssl.VERIFY_X509_STRICT,), (ssl.VERIFY_X509_STRICT, ssl.VERIFY_X509_PARTIAL_CHAIN)]


@pytest.mark.parametrize("host", NAMES)
@pytest.mark.parametrize("flags", FLAGS)
def test_it_is_its_own_authority_for_its_names(host, flags, tmp_path):
    certificate = make(NAMES, now())
    shown = handshake(serving(certificate, tmp_path), trusting(certificate, *flags), host)
    assert hashlib.sha256(shown).digest().hex(":").upper() == certificate.fingerprint


def test_it_is_not_valid_for_others(tmp_path):
    certificate = make(NAMES, now())
    with pytest.raises(ssl.SSLCertVerificationError, match="elsewhere"):
        handshake(serving(certificate, tmp_path), trusting(certificate), "elsewhere.example")


def test_it_is_authority_for_nothing_else():
    own = x509.load_pem_x509_certificate(make(NAMES, now()).pem)
    assert own.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False


def test_its_names_are_those_given():
    assert make(NAMES, now()).names == NAMES
    many = [f"host-{number}" for number in range(200)]
    assert make([*NAMES, *many], now()).names == [*NAMES, *many][:100]


@pytest.mark.parametrize(
    ("names", "days", "serves"),
    [
        (NAMES, 0, True),
        (NAMES[:1], 0, True),
        ([*NAMES, "another"], 0, False),
        (NAMES, 334, True),
        (NAMES, 336, False),
        (NAMES, -1, False),
    ],
)
def test_it_serves_for_its_names_until_a_month_before_its_end(names, days, serves):
    assert make(NAMES, now()).serves(names, now(days)) is serves


def test_it_does_not_serve_with_the_key_of_another():
    one, other = make(NAMES, now()), make(NAMES, now())
    for key in (other.key, b"", b"no key"):
        assert not type(one)(one.pem, key).serves(NAMES, now())


def test_a_chain_ends_with_its_first_certificate():
    later, sooner = make(NAMES, now()), make(NAMES, now(-90))
    for chain in (later.pem + sooner.pem, sooner.pem + later.pem, sooner.pem + sooner.key):
        ends = now(275)
        assert chain_expiry(chain) == pytest.approx(ends.timestamp(), abs=1)


def test_what_holds_no_certificate_has_no_end():
    with pytest.raises(ValueError, match="PEM"):
        chain_expiry(make(NAMES, now()).key)
