"""Serving a self-signed certificate, and renewing it while the gateway runs.

Apart from `serving`: it loads what makes certificates, which other gateways do without.
"""

import math
import os
import ssl
import tempfile
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common.errors import SettingsError
from common.telemetry.logs import Log
from gateway.tls import CERTIFICATE
from gateway.tls.certificate import Certificate, chain_expiry, make
from gateway.tls.keeping import kept
from gateway.tls.names import own_names
from gateway.tls.serving import Tls

_LOOK_S = 3600.0
"""Seconds between two looks at the certificate; it is renewed days before it ends."""

_log = Log(__name__)


class SelfSigned(Tls):
    """A self-signed certificate for this machine's names and `host`.

    It is kept in `directory`; without one it lasts as long as the process. Raises SettingsError for
    a directory that cannot be used.
    """

    def __init__(self, host: str, directory: Path | None) -> None:
        super().__init__()
        self._names = own_names(host)
        self._directory = directory
        self._certificate: Certificate | None = None
        self.refresh()

    @property
    def own(self) -> bytes | None:
        """The certificate."""
        return None if self._certificate is None else self._certificate.pem

    @property
    def expiry(self) -> float:
        """See `Tls.expiry`."""
        return math.inf if self.own is None else chain_expiry(self.own)

    def services(self) -> dict[str, Coroutine[Any, Any, None]]:
        """Return the renewal."""
        return {"certificate": self.follow(_LOOK_S)}

    def refresh(self) -> None:
        """Serve a new certificate if there is one, or if it is time to make one, and log it.

        Connections that are open keep theirs. Raises SettingsError.
        """
        certificate = self._current()
        if certificate == self._certificate:
            return
        _load(self.context, certificate)
        self._certificate = certificate
        place = {} if self._directory is None else {"path": str(self._directory / CERTIFICATE)}
        _log.info("gateway.certificate", sha256=certificate.fingerprint, **place)

    def _current(self) -> Certificate:
        if self._directory is not None:
            try:
                return kept(self._directory, self._names)
            except SettingsError as error:
                raise SettingsError(f"--self-signed-cert-dir: {error}") from None
        now, own = datetime.now(UTC), self._certificate
        return own if own is not None and own.serves(self._names, now) else make(self._names, now)


def _load(context: ssl.SSLContext, certificate: Certificate) -> None:
    """Load it by files, the only way that `ssl` has, in a directory that only this user can read.

    Not from the directory that keeps it: another process may just be replacing it.
    """
    with tempfile.TemporaryDirectory(prefix="callscribe-tls-") as directory:
        certfile, keyfile = Path(directory, "cert.pem"), Path(directory, "key.pem")
        certfile.write_bytes(certificate.pem)
        with open(os.open(keyfile, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(certificate.key)
        context.load_cert_chain(certfile, keyfile)
