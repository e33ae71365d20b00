"""Makes the gate that the settings ask for."""

from common.errors import Retryable
from common.telemetry.logs import Log
from gateway.access.gate import Gate
from gateway.access.keyring import Keyring
from gateway.access.origins import is_here
from gateway.policies import Policies
from gateway.settings import GatewaySettings

_log = Log(__name__)


def gatekeeper(settings: GatewaySettings, policies: Policies, keyring: Keyring) -> Gate:
    """Return the gate. Raises Retryable for a gateway that all may use without being told so.

    `keyring`: as it is when the gateway starts. Keys are made and lost while settings stay, so a
    later start may succeed.
    """
    here = is_here(settings.host) and not settings.trusted_proxies
    gate = Gate(
        keyring,
        policies.authority,
        policies.origins,
        port_tenant=settings.port_tenant,
        auth_token=policies.twilio_auth_token,
        free=settings.no_auth,
        guarded=not here,
    )
    if settings.no_auth and keyring:
        _log.warning("access.ignored", reason="--no-auth")
    if not (here or settings.no_auth or keyring or gate.has_authority):
        proxies = settings.trusted_proxies
        which = (
            "--trusted-proxies: what is behind a proxy" if proxies else f"--host: {settings.host}"
        )
        text = "is reached from other machines, and there are no keys"
        remedy = "make one with `callscribe keys create`, or say --no-auth"
        raise Retryable(f"{which} {text}: {remedy}")
    return gate
