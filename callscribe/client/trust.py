"""Which TLS server is trusted: by Python's authorities, by a file, or by a fingerprint.

A pinned certificate is compared in the handshake itself, before the connection carries data. So a
server with another certificate learns the host's name and nothing else. The comparison stands in
the classes that a context makes connections of, because `ssl` has no callback for it: asyncio,
uvloop, http.client and aiohttp all call their `do_handshake`.
"""

import hashlib
import re
import socket
import ssl
from pathlib import Path

from callscribe.errors import SettingsError

_FINGERPRINT = re.compile(r"[0-9a-fA-F]{64}|[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){31}")


def trust(ca_file: Path | None = None, fingerprint: str | None = None) -> ssl.SSLContext:
    """Return a context for `connect(tls=…)` and for any HTTPS client.

    `ca_file`: a PEM file with an authority's certificate, or with the server's own one. Nothing
    else is trusted then; the certificate must be valid and name the host. `fingerprint`: SHA-256 of
    the server's certificate, in hex, with or without colons. Exactly that certificate is trusted,
    whatever its names and dates. Without both, Python's default trust holds.

    A connection to a server that is not trusted raises ssl.SSLCertVerificationError. Raises
    SettingsError for a file without a certificate, a malformed fingerprint, and for both.
    """
    if fingerprint is None:
        return ssl.create_default_context() if ca_file is None else _by_file(ca_file)
    if ca_file is not None:
        raise SettingsError("give a certificate file or a fingerprint, not both")
    if not _FINGERPRINT.fullmatch(fingerprint):
        raise SettingsError(f"{fingerprint!a} is no SHA-256 fingerprint: 64 hex digits in all")
    return _PinnedContext.to(fingerprint.replace(":", "").lower())


def _by_file(path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # A server's own certificate is enough, also where an authority has signed it.
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(path)
    except ssl.SSLError:
        raise SettingsError(f"{path}: it holds no PEM certificate") from None
    except OSError as error:
        raise SettingsError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    if not context.cert_store_stats()["x509"]:
        raise SettingsError(f"{path}: it holds no PEM certificate")
    return context


class _PinnedContext(ssl.SSLContext):
    """Makes connections that end their handshake with an error unless the certificate is `pin`."""

    pin: str

    @classmethod
    def to(cls, pin: str) -> "_PinnedContext":
        context = cls(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        # The server still proves that it has the certificate's key: the handshake is signed.
        context.verify_mode = ssl.CERT_NONE
        context.pin = pin
        return context

    def wrap_socket(
        self,
        sock: socket.socket,
        server_side: bool = False,
        do_handshake_on_connect: bool = True,
        suppress_ragged_eofs: bool = True,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLSocket:
        """As documented; without `do_handshake_on_connect` a first write would skip the check."""
        if not do_handshake_on_connect:
            raise ValueError("a pinned certificate needs do_handshake_on_connect")
        return super().wrap_socket(
            sock,
            server_side=server_side,
            suppress_ragged_eofs=suppress_ragged_eofs,
            server_hostname=server_hostname,
            session=session,
        )


class _PinnedObject(ssl.SSLObject):
    def do_handshake(self) -> None:
        super().do_handshake()
        _check(self)


class _PinnedSocket(ssl.SSLSocket):
    def do_handshake(self, block: bool = False) -> None:
        super().do_handshake(block)
        _check(self)


_PinnedContext.sslobject_class = _PinnedObject
_PinnedContext.sslsocket_class = _PinnedSocket


def _check(end: ssl.SSLObject | ssl.SSLSocket) -> None:
    assert isinstance(end.context, _PinnedContext)
    certificate = end.getpeercert(binary_form=True)
    if certificate is None:
        raise ssl.SSLCertVerificationError(1, "the server has no certificate")
    shown, pin = hashlib.sha256(certificate).hexdigest(), end.context.pin
    if shown != pin:
        raise ssl.SSLCertVerificationError(
            1,
            f"the server's certificate has the SHA-256 fingerprint {_spelt(shown)}, "
            f"{_spelt(pin)} is the one to trust",
        )


def _spelt(fingerprint: str) -> str:
    """Return it as openssl does: pairs of capital digits with colons."""
    return bytes.fromhex(fingerprint).hex(":").upper()
