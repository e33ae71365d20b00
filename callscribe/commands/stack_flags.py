"""The flags of the commands that start a local stack: every setting, and how many workers."""

import sys
from collections.abc import Mapping, Sequence

from callscribe.commands.invocation import Invocation
from callscribe.local.stack import StackOptions
from common.errors import SettingsError
from common.pipeline.stages import PIPELINE
from common.settings import PREFIX, FlagParser, definitions, flag_parser, settings_classes
from gateway.protocols import PROTOCOLS
from gateway.settings import GatewaySettings

_NOT_ITS_OWN = (
    "REDIS_URL",
    "SSL_CERTFILE",
    "SSL_KEYFILE",
    "GENERATE_SELF_SIGNED_CERT",
    "SELF_SIGNED_CERT_DIR",
    "ADMIN_PORT",
    "METRICS_PORT",
)
_ON_REQUEST = {spec.name for spec in PIPELINE if spec.beside}
"""Services that a stack starts only on request: calls can do without them."""


def stack_parser(name: str, description: str) -> FlagParser:
    """Return the parser of command `name`; its own arguments may be added."""
    classes = settings_classes()
    parser = flag_parser(classes.values(), prog=f"callscribe {name}", description=description)
    group = parser.add_argument_group("processes")
    for service in classes:
        if service != "gateway":
            text = f"{service} workers to start (default {_default_workers(service)})"
            group.add_argument(f"--{service}", metavar="N", dest=f"{service} workers", help=text)
    return parser


def stack_options(invocation: Invocation) -> StackOptions:
    """Return the stack that a command line asks for; Redis is embedded unless one is named."""
    counts = {"gateway": 1}
    for service in settings_classes():
        if service != "gateway":
            text = invocation.arguments.get(f"{service} workers", _default_workers(service))
            if not text.isdecimal():
                raise SettingsError(f"--{service}: {text!r} is not a number of workers")
            counts[service] = int(text)
    return StackOptions(
        counts=counts,
        env=invocation.env,
        embedded_redis=PREFIX + "REDIS_URL" not in invocation.env,
        echo=sys.stderr,
    )


def beside(env: Mapping[str, str], also: Sequence[str] = ()) -> dict[str, str]:
    """Return `env` for a stack of a command's own, on loopback, beside any other that runs.

    It ignores another's Redis and ports, a certificate that the client must trust, and the settings
    `also`, by their variables without the prefix.
    """
    own = {**env, PREFIX + "HOST": "127.0.0.1", PREFIX + "PORT": "0"}
    for name in (*_NOT_ITS_OWN, *also):
        own.pop(PREFIX + name, None)
    return own | dict.fromkeys(usual_ports(), "none")


def usual_ports() -> dict[str, str]:
    """Return the usual port of every protocol that has a port of its own, by its variable."""
    settings = definitions(GatewaySettings)
    own = [each for each in PROTOCOLS if each.port]
    return {settings[each.port].variable: str(each.usual_port) for each in own}


def _default_workers(service: str) -> str:
    return "0" if service in _ON_REQUEST else "1"
