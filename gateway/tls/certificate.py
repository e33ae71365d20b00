"""Self-signed certificates: what is in one, and whether one still serves.

It is no authority, so a client that trusts it trusts nothing else that its key signs. It has no key
usage: with one that does not allow signing, OpenSSL would look for another issuer, and find none.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME = timedelta(days=365)
_RENEWAL = timedelta(days=30)
"""Before its end, so that those who import it have time to."""
_MOST_NAMES = 100
"""A machine whose addresses change would otherwise gather them."""
_SUBJECT = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "callscribe (self-signed)")])


@dataclass(frozen=True)
class Certificate:
    """A certificate and its private key, both as PEM."""

    pem: bytes
    key: bytes

    @property
    def fingerprint(self) -> str:
        """SHA-256 as openssl shows it: pairs of capital digits with colons."""
        return fingerprint(self.pem)

    @property
    def is_ours(self) -> bool:
        """Whether `make` made it. Raises ValueError if it is no certificate."""
        own = x509.load_pem_x509_certificate(self.pem)
        return own.subject == own.issuer == _SUBJECT

    @property
    def names(self) -> list[str]:
        """The host names and addresses that it is for."""
        own = x509.load_pem_x509_certificate(self.pem)
        kind = x509.SubjectAlternativeName
        return [str(each.value) for each in own.extensions.get_extension_for_class(kind).value]

    def serves(self, names: Iterable[str], now: datetime) -> bool:
        """Tell whether it is for these names, need not be renewed yet, and the key is its own."""
        own = x509.load_pem_x509_certificate(self.pem)
        lasting = own.not_valid_before_utc <= now < own.not_valid_after_utc - _RENEWAL
        return lasting and set(names) <= set(self.names) and self._has_its_key(own)

    def _has_its_key(self, own: x509.Certificate) -> bool:
        try:
            key = serialization.load_pem_private_key(self.key, None)
        except (TypeError, ValueError):  # the former: it has a password
            return False
        return key.public_key() == own.public_key()


def fingerprint(pem: bytes) -> str:
    """Return the SHA-256 of the first of a chain, as openssl shows it. ValueError for none."""
    own = x509.load_pem_x509_certificates(pem)[0]
    return own.fingerprint(hashes.SHA256()).hex(":").upper()


def chain_expiry(pem: bytes) -> float:
    """Return when the first of a chain ends, in s since 1970. ValueError for no certificate."""
    chain = x509.load_pem_x509_certificates(pem)
    return min(each.not_valid_after_utc for each in chain).timestamp()


def make(names: Iterable[str], now: datetime) -> Certificate:
    """Return a new certificate for names and addresses as `own_names` gives them, at most 100."""
    key = ec.generate_private_key(ec.SECP256R1())
    alternatives = [_general(name) for name in list(dict.fromkeys(names))[:_MOST_NAMES]]
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    own = (
        x509.CertificateBuilder()
        .subject_name(_SUBJECT)
        .issuer_name(_SUBJECT)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # An hour ago: a client whose clock is a little behind must accept it.
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=False)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    return Certificate(
        own.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
