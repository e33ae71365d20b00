"""The site's own authority: what it signs, and what stays."""

import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from callscribe.hosts import authority
from callscribe.hosts.authority import Authority, Identity

NAMES = ["two", "10.77.0.2", "calls.example"]


def ends(identity: Identity) -> datetime:
    return identity.certificate.not_valid_after_utc


def test_a_host_is_known_by_its_names(tmp_path):
    own = Authority(tmp_path)
    host = own.identity("two", NAMES)
    host.certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(own.pem))
    assert host.private_key.public_key() == host.certificate.public_key()
    kind = x509.SubjectAlternativeName
    alternatives = host.certificate.extensions.get_extension_for_class(kind).value
    assert [str(each.value) for each in alternatives] == NAMES
    ssl.create_default_context(cadata=own.pem.decode())
    (tmp_path / "pair").write_bytes(host.pem + host.key)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tmp_path / "pair")


def test_what_it_signed_stays(tmp_path):
    first = Authority(tmp_path)
    host = first.identity("two", NAMES)
    again = Authority(tmp_path)
    assert again.pem == first.pem
    assert again.identity("two", NAMES) == host
    assert again.identity("two", NAMES[:2]) != host


def test_a_host_may_have_the_authoritys_name(tmp_path):
    own = Authority(tmp_path)
    assert own.identity("authority", ["authority"]).pem != own.pem
    assert Authority(tmp_path).pem == own.pem


def test_secrets_are_for_one_user(tmp_path):
    Authority(tmp_path).identity("two", NAMES)
    modes = {
        str(path.relative_to(tmp_path)): path.stat().st_mode & 0o777
        for path in tmp_path.rglob("*")
        if path.is_file()
    }
    names = ("authority.key", "authority.pem", "hosts/two.key", "hosts/two.pem")
    assert modes == dict.fromkeys(names, 0o600)


def test_it_is_renewed_before_its_end(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(authority, "_LIFETIME", timedelta(days=89))
    own = Authority(tmp_path)
    ending = own.identity("two", NAMES)
    monkeypatch.setattr(authority, "_LIFETIME", timedelta(days=825))
    renewed = own.identity("two", NAMES)
    assert ends(ending) < datetime.now(UTC) + timedelta(days=90) < ends(renewed)
    assert own.identity("two", NAMES) == renewed
