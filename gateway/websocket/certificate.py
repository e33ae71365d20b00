"""A self-signed TLS identity: browsers give the microphone to HTTPS pages only."""

import ipaddress
import os
import socket
import ssl
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

_LIFETIME = timedelta(days=30)


def self_signed_context(host: str) -> tuple[ssl.SSLContext, str]:
    """Return a server context with a new certificate, and the certificate's SHA-256 fingerprint.

    The certificate is valid for `host`, localhost and this machine's name. Its key exists on
    disk only while it is loaded, in a directory that only this user can read.
    """
    certificate, key, fingerprint = _generate([host, socket.gethostname(), "localhost"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with tempfile.TemporaryDirectory(prefix="callscribe-tls-") as directory:
        certfile, keyfile = Path(directory, "cert.pem"), Path(directory, "key.pem")
        certfile.write_bytes(certificate)
        with open(os.open(keyfile, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(key)
        context.load_cert_chain(certfile, keyfile)
    return context, fingerprint


def _generate(hosts: Iterable[str]) -> tuple[bytes, bytes, str]:
    # Imported here: only a gateway that is asked for a certificate needs the package.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    names: list[x509.GeneralName] = []
    for host in dict.fromkeys(["127.0.0.1", "::1", *hosts]):
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            names.append(x509.DNSName(host))
        else:
            if not address.is_unspecified:
                names.append(x509.IPAddress(address))
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "callscribe (self-signed)")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # An hour ago: a client whose clock is a little behind must accept it.
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        certificate.fingerprint(hashes.SHA256()).hex(":"),
    )
