"""The gateway process: settings, build, run."""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

import uvloop

from common import lifecycle
from common.errors import Incompatible, Retryable, SettingsError
from common.settings import load
from common.telemetry import logs, metrics
from gateway.server import GatewayServer
from gateway.settings import GatewaySettings
from gateway.tls.serving import Given, Tls

_OTHER_FILES = 256
"""Open files of a gateway beside its calls: Redis, files, requests, and what is kept for probes."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a gateway until it is stopped; return the process's exit code."""
    try:
        settings = load(GatewaySettings, sys.argv[1:] if argv is None else argv, os.environ)
        logs.configure(level=settings.log_level, format=settings.log_format, service="gateway")
        return uvloop.run(_run(settings))
    except (SettingsError, Retryable, Incompatible) as error:
        print(f"callscribe gateway: {error}", file=sys.stderr)  # noqa: T201 - for the operator
        misuse = isinstance(error, SettingsError)
        return lifecycle.EXIT_MISUSE if misuse else lifecycle.EXIT_FAILED


async def _run(settings: GatewaySettings) -> int:
    registry = metrics.new_registry(version=version("callscribe"), service="gateway")
    lifecycle.return_memory()
    lifecycle.raise_file_limit(settings.max_sessions + _OTHER_FILES)
    with lifecycle.stop_on_signals() as stop:
        server = GatewayServer(settings, registry, lifecycle.process_name(), stop)
        if not await lifecycle.unless_stopped(server.start(_tls(settings)), stop):
            return lifecycle.EXIT_OK
        lifecycle.settle_memory()
        code = await lifecycle.supervise(
            server.services(), stop, drain=server.drain, deadline=settings.drain_s
        )
        await server.stop()
    return code


def _tls(settings: GatewaySettings) -> Tls | None:
    if settings.generate_self_signed_cert:
        from gateway.tls.self_signed import SelfSigned

        return SelfSigned(settings.host, settings.self_signed_cert_dir)
    if settings.ssl_certfile is None:
        return None
    return Given(settings.ssl_certfile, settings.ssl_keyfile)


if __name__ == "__main__":
    sys.exit(main())
