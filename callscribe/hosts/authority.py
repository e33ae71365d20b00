"""A site's own certificate authority, and the certificates of its hosts, kept in a directory.

Its key stays where the files are rendered: no host gets it.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_AUTHORITY_LIFETIME = timedelta(days=3650)
_LIFETIME = timedelta(days=825)
_RENEWAL = timedelta(days=90)
"""Before its end: the files are rendered by people, who look in only now and then."""


@dataclass(frozen=True)
class Identity:
    """A certificate and its private key, both as PEM."""

    pem: bytes
    key: bytes

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate, parsed."""
        return x509.load_pem_x509_certificate(self.pem)

    @property
    def private_key(self) -> ec.EllipticCurvePrivateKey:
        """The key, parsed."""
        key = serialization.load_pem_private_key(self.key, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError("the key is not one of an elliptic curve")
        return key


class Authority:
    """Signs certificates of hosts; what it has signed stays until it ends or has other names."""

    def __init__(self, directory: Path) -> None:
        self._hosts = directory / "hosts"
        self._hosts.mkdir(mode=0o700, parents=True, exist_ok=True)
        own = directory / "authority"
        self._own = _read(own) or _written(own, _signed([], None))

    @property
    def pem(self) -> bytes:
        """The certificate by which its others are trusted."""
        return self._own.pem

    def identity(self, host: str, names: Sequence[str]) -> Identity:
        """Return the certificate of a host, for these names and addresses, the first its own."""
        path = self._hosts / host
        there = _read(path)
        if there is not None and _serves(there, names):
            return there
        return _written(path, _signed(names, self._own))


def _read(path: Path) -> Identity | None:
    pem, key = path.with_suffix(".pem"), path.with_suffix(".key")
    return Identity(pem.read_bytes(), key.read_bytes()) if pem.exists() else None


def _written(path: Path, identity: Identity) -> Identity:
    """Keep an identity. The certificate comes last: without it there is no identity."""
    for suffix, data in ((".pem", None), (".key", identity.key), (".pem", identity.pem)):
        file = path.with_suffix(suffix)
        file.unlink(missing_ok=True)
        if data is not None:
            with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                out.write(data)
    return identity


def _serves(identity: Identity, names: Sequence[str]) -> bool:
    own = identity.certificate
    kind = x509.SubjectAlternativeName
    there = [str(each.value) for each in own.extensions.get_extension_for_class(kind).value]
    return there == list(names) and datetime.now(UTC) < own.not_valid_after_utc - _RENEWAL


def _signed(names: Sequence[str], issuer: Identity | None) -> Identity:
    """Return a new certificate for `names`; without an issuer, that of an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    common_name = names[0] if names else "callscribe"
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    signer = issuer.private_key if issuer else key
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # An hour ago: a host whose clock is a little behind must accept it.
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + (_LIFETIME if issuer else _AUTHORITY_LIFETIME))
        .add_extension(
            x509.BasicConstraints(ca=not issuer, path_length=None if issuer else 0), critical=True
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    if issuer:
        alternatives = x509.SubjectAlternativeName([_general(name) for name in names])
        built = built.add_extension(alternatives, critical=False)
    else:
        built = built.add_extension(_signs_certificates(), critical=True)
    return Identity(
        built.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def _signs_certificates() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
