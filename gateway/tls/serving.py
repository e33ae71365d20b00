"""What the gateway's ports serve TLS with."""

import ssl
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from common.errors import SettingsError


class Tls:
    """A server's context, with a certificate that the operator gave."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context

    @classmethod
    def given(cls, certfile: Path, keyfile: Path | None) -> "Tls":
        """Return that of a certificate chain and its key. Raises SettingsError."""
        tls = cls(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))
        try:
            tls.context.load_cert_chain(certfile, keyfile)
        except (ssl.SSLError, OSError) as error:
            raise SettingsError(f"--ssl-certfile: {error}") from error
        return tls

    @property
    def own(self) -> bytes | None:
        """The certificate as PEM if it is self-signed, so that clients can be told to trust it."""
        return None

    def services(self) -> dict[str, Coroutine[Any, Any, None]]:
        """Return what must run beside the ports, by name."""
        return {}
