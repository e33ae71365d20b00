"""TLS identities of every kind for tests: self-signed, of an authority, expired."""

import hashlib
import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Identity:
    """A certificate and its key, as PEM files."""

    certfile: Path
    keyfile: Path

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as openssl shows it."""
        der = ssl.PEM_cert_to_DER_cert(self.certfile.read_text())
        return hashlib.sha256(der).digest().hex(":").upper()

    def server(self) -> ssl.SSLContext:
        """Return a server's context."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certfile, self.keyfile)
        return context


def identity(
    directory: Path,
    name: str,
    *hosts: str,
    issuer: Identity | None = None,
    authority: bool = False,
    days: float = 1,
) -> Identity:
    """Write a certificate for `hosts`; without an issuer it signs itself. `days` < 0: expired."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer, signed_by = key, subject
    if issuer is not None:
        loaded = serialization.load_pem_private_key(issuer.keyfile.read_bytes(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        signer = loaded
        signed_by = x509.load_pem_x509_certificate(issuer.certfile.read_bytes()).subject
    end = datetime.now(UTC) + timedelta(days=days)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signed_by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(days=365))
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if hosts:
        names = [_general(host) for host in hosts]
        built = built.add_extension(x509.SubjectAlternativeName(names), critical=False)
    certfile, keyfile = directory / f"{name}.pem", directory / f"{name}.key"
    certificate = built.sign(signer, hashes.SHA256())
    certfile.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    keyfile.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return Identity(certfile, keyfile)


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
