"""What the gateway's ports serve TLS with."""

import asyncio
import ssl
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from common.errors import SettingsError
from common.telemetry.logs import Log

LOOK_S = 10.0
"""Seconds between two looks at the files, which an ACME client renews."""

_log = Log(__name__)


class Tls(ABC):
    """A server's context, and the certificate in it, which follows what is on the disk."""

    def __init__(self) -> None:
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)

    @property
    @abstractmethod
    def expiry(self) -> float:
        """When a certificate of the chain that is served ends first, in s since 1970."""

    @property
    @abstractmethod
    def own(self) -> bytes | None:
        """The certificate as PEM if it is self-signed, so that clients can be told to trust it."""

    @abstractmethod
    def refresh(self) -> None:
        """Serve what is on the disk now; open connections keep theirs. Raises SettingsError."""

    async def follow(self, every: float) -> None:
        """Refresh every `every` seconds, for ever; files that cannot be used change nothing."""
        while True:
            await asyncio.sleep(every)
            try:
                self.refresh()
            except SettingsError as error:
                _log.warning("gateway.certificate_unrenewed", reason=str(error))

    @abstractmethod
    def services(self) -> dict[str, Coroutine[Any, Any, None]]:
        """Return what must run beside the ports, by name."""


class Given(Tls):
    """A certificate chain and its key, which the operator gave. Raises SettingsError."""

    def __init__(self, certfile: Path, keyfile: Path | None) -> None:
        super().__init__()
        self._certfile = certfile
        self._keyfile = keyfile
        self._served: tuple[bytes, bytes] | None = None
        self._expiry = 0.0
        self.refresh()

    @property
    def expiry(self) -> float:
        """See `Tls`."""
        return self._expiry

    @property
    def own(self) -> None:
        """See `Tls`."""
        return None

    def refresh(self) -> None:
        """See `Tls`."""
        from gateway.tls.certificate import chain_expiry, fingerprint

        try:
            chain = self._certfile.read_bytes()
            found = chain, b"" if self._keyfile is None else self._keyfile.read_bytes()
            if found == self._served:
                return
            # A context that has loaded half of a pair serves nobody: try it apart.
            ssl.create_default_context().load_cert_chain(self._certfile, self._keyfile)
            expiry = chain_expiry(chain)
            self.context.load_cert_chain(self._certfile, self._keyfile)
        except (ssl.SSLError, OSError, ValueError) as error:
            raise SettingsError(f"--ssl-certfile: {error}") from error
        self._served, self._expiry = found, expiry
        _log.info("gateway.certificate", sha256=fingerprint(chain), path=str(self._certfile))

    def services(self) -> dict[str, Coroutine[Any, Any, None]]:
        """See `Tls`."""
        return {"certificate": self.follow(LOOK_S)}
