"""What the gateway's ports serve TLS with."""

import math
import ssl
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from common.errors import SettingsError


class Tls:
    """A server's context, with a certificate that the operator gave."""

    def __init__(self, context: ssl.SSLContext, expiry: float = math.inf) -> None:
        self.context = context
        self._expiry = expiry

    @classmethod
    def given(cls, certfile: Path, keyfile: Path | None) -> "Tls":
        """Return that of a certificate chain and its key. Raises SettingsError."""
        from gateway.tls.certificate import chain_expiry

        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(certfile, keyfile)
            return cls(context, chain_expiry(certfile.read_bytes()))
        except (ssl.SSLError, OSError, ValueError) as error:
            raise SettingsError(f"--ssl-certfile: {error}") from error

    @property
    def expiry(self) -> float:
        """When a certificate of the chain that is served ends first, in s since 1970."""
        return self._expiry

    @property
    def own(self) -> bytes | None:
        """The certificate as PEM if it is self-signed, so that clients can be told to trust it."""
        return None

    def services(self) -> dict[str, Coroutine[Any, Any, None]]:
        """Return what must run beside the ports, by name."""
        return {}
