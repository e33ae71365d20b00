"""The processes of a local stack, how each is started, and how it is asked whether it is ready.

The services are those of the entry point group `callscribe.settings`. They get all settings through
CALLSCRIBE_* variables.
"""

import hashlib
import http.client
import ssl
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TextIO

from callscribe.local.child import Child, free_ports
from common.settings import PREFIX, StageSettings, load, settings_classes
from gateway.policies import Policies
from gateway.settings import GatewaySettings
from gateway.tls import CERTIFICATE

GATEWAY = "gateway"
_PROBE_TIMEOUT = 2.0
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True)
class Plan:
    """One process to start: its environment, and where to ask whether it is ready."""

    name: str
    service: str
    env: Mapping[str, str]
    host: str
    port: int
    tls: bool = False
    self_signed: bool = False
    """Whether clients must be told to trust its certificate."""
    certfile: Path | None = None
    """Where a self-signed certificate is kept."""
    echo: TextIO | None = None
    """Where its output is copied to."""

    @property
    def url(self) -> str:
        """Where it answers, ``http://127.0.0.1:8000``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"

    async def start(self) -> Child:
        """Start the process; call from the main thread. OSError if there is no room for it."""
        command = [sys.executable, "-m", "callscribe", self.service]
        return await Child.start(self.name, command, self.env, self.echo)

    def probe(self) -> str | None:
        """Ask the process whether it is ready; return None, or the reason why not. Blocks."""
        connection = self._connection()
        try:
            connection.request("GET", "/ready")
            response = connection.getresponse()
            body = response.read(500).decode(errors="replace").strip()
            return None if response.status == http.HTTPStatus.OK else f"{response.status} {body}"
        except (OSError, http.client.HTTPException) as error:
            return f"{self.url} does not answer ({error})"
        finally:
            connection.close()

    def fingerprint(self) -> str | None:
        """Ask the process for its certificate's SHA-256 fingerprint, as openssl shows it.

        None if it does not answer. Blocks.
        """
        connection = self._connection()
        try:
            connection.connect()
            assert isinstance(connection.sock, ssl.SSLSocket)
            certificate = connection.sock.getpeercert(binary_form=True)
            return hashlib.sha256(certificate or b"").digest().hex(":").upper()
        except OSError:
            return None
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        where = self.host, self.port
        if not self.tls:
            return http.client.HTTPConnection(*where, timeout=_PROBE_TIMEOUT)
        # The certificate is for the public name; this only asks our own child on loopback.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return http.client.HTTPSConnection(*where, timeout=_PROBE_TIMEOUT, context=context)


def lay_out(
    counts: Mapping[str, int], env: Mapping[str, str], echo: TextIO | None = None
) -> list[Plan]:
    """Return the processes of a stack, the gateway first; SettingsError for what `env` holds.

    `counts` is the number of workers by service; there is one gateway.
    """
    gateway = load(GatewaySettings, [], env)
    Policies.of(gateway)
    kept_in = gateway.self_signed_cert_dir
    port = gateway.port or free_ports(1)[0]
    plans = [
        Plan(
            name=GATEWAY,
            service=GATEWAY,
            env={**env, PREFIX + "PORT": str(port)},
            host=_ANY_ADDRESS.get(gateway.host, gateway.host),
            port=port,
            tls=gateway.generate_self_signed_cert or gateway.ssl_certfile is not None,
            self_signed=gateway.generate_self_signed_cert,
            certfile=kept_in and kept_in / CERTIFICATE,
            echo=echo,
        )
    ]
    for service, cls in settings_classes().items():
        if service == GATEWAY:
            continue
        settings = load(cls, [], env)
        assert isinstance(settings, StageSettings)
        given, host = settings.metrics_port or 0, settings.metrics_host
        wanted = counts.get(service, 0)
        for number in range(wanted):
            worker_port = _port(given, [each.port for each in plans])
            plan = Plan(
                name=f"{service}[{number}]" if wanted > 1 else service,
                service=service,
                env={
                    **env,
                    PREFIX + "METRICS_HOST": host,
                    PREFIX + "METRICS_PORT": str(worker_port),
                },
                host=_ANY_ADDRESS.get(host, host),
                port=worker_port,
                echo=echo,
            )
            plans.append(plan)
    return plans


def _port(given: int, taken: Collection[int]) -> int:
    """Return a worker's port, none of `taken`: several count up from the one that was given."""
    candidates: Iterable[int] = count(given) if given else free_ports(len(taken) + 1)
    return next(each for each in candidates if each not in taken)
