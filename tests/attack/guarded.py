"""A system that needs keys, and what its attackers hold."""

import time
from base64 import b64encode
from dataclasses import dataclass, replace
from pathlib import Path

from callscribe.local.child import free_ports
from gateway.access import tokens
from gateway.protocols import PROTOCOLS
from tests.attack.forged import AUDIENCE, Authority
from tests.attack.holdings import FEW, SELDOM, Holdings, Wrong
from tests.chaos.stack import Layout, Stack
from tests.keys import Keys

ALLOWED = "127.0.0.5"
"""Where webhooks may go, in `ALLOWED_NAME`'s place and in their URLs."""
ALLOWED_NAME = "localhost"
"""A name that webhooks may have, and that leads where they may not go."""
TRUSTED = "127.0.0.3"
"""A proxy that is believed."""
_AGES_AGO = 10
_TENANT = "acme"


@dataclass(frozen=True, slots=True)
class Guards:
    """What a guarded system is started with; `neighbour` and `newcomer` are polite credentials."""

    holdings: Holdings
    layout: Layout
    neighbour: str
    newcomer: str

    def held(self, stack: Stack) -> Holdings:
        """Return what attackers hold, with the other gateway of a stack."""
        return replace(self.holdings, steady=stack.of("steady")[0].port)


def guards(folder: Path) -> Guards:
    """Make keys and files for a system."""
    keys, authority = Keys(folder / "keys.json"), Authority()
    (folder / "jwks.json").write_text(authority.jwks)
    (folder / "secret").write_text(f"whsec_{b64encode(bytes(24)).decode()}")
    named = [each.port for each in PROTOCOLS if each.port]
    admin, *others = free_ports(1 + len(named))
    ports = dict(zip(named, others, strict=True))
    holdings = Holdings(
        ports=ports,
        admin=admin,
        victim=keys.whole,
        rude=keys.add("rude", ["transcribe", "read"]),
        caller=keys.add("rude", ["transcribe"]),
        reader=keys.add("rude", ["read"]),
        few=keys.add("rude", ["transcribe"], sessions=FEW),
        seldom=keys.add("rude", ["transcribe"], calls=SELDOM),
        wrong=wrong(keys, authority),
    )
    shared = {
        "--keys-file": str(keys.file),
        "--jwt-jwks-file": str(folder / "jwks.json"),
        "--jwt-audience": AUDIENCE,
    }
    own = {f"--{name.replace('_', '-')}": str(port) for name, port in ports.items()}
    attacked = {
        **shared,
        **own,
        "--trusted-proxies": TRUSTED,
        "--webhook-hosts": f"{ALLOWED},{ALLOWED_NAME}",
        "--webhook-networks": f"{ALLOWED}/32",
        "--webhook-secret-file": str(folder / "secret"),
        "--webhook-keep-s": "3",
    }
    flags = {"gateway": attacked, "steady": {**shared, "--admin-port": str(admin)}}
    commands = {kind: ("callscribe", kind) for kind in ("gateway", "vad", "asr")}
    layout = Layout(
        dict.fromkeys(("gateway", "steady", "vad", "asr"), 1),
        {**commands, "steady": commands["gateway"]},
        {kind: [part for flag in given.items() for part in flag] for kind, given in flags.items()},
    )
    return Guards(holdings, layout, authority.token("polite"), keys.add("polite", ["transcribe"]))


def wrong(keys: Keys, authority: Authority) -> list[Wrong]:
    """Return a credential of every kind that counts nowhere."""
    now = int(time.time())

    def token(key: str, expires: int = now + 600, made_with: str = "") -> str:
        record = keys.record(key)
        return tokens.mint(record.id, keys.record(made_with or key).digest, expires, {})

    changed, _, signature = token(keys.whole).partition(".")
    return [
        Wrong("no key", "", "missing_key"),
        Wrong("nonsense", "nonsense", "unknown_key"),
        Wrong("an unknown key", keys.unknown, "unknown_key"),
        Wrong("a known id with another secret", keys.forged, "unknown_key"),
        Wrong("a revoked id with another secret", keys.stale, "unknown_key"),
        Wrong("a revoked key", keys.revoked, "revoked_key"),
        Wrong("an expired key", keys.expired, "expired_key"),
        Wrong("bytes that are no text", f"{keys.whole[:-1]}\xff", "unknown_key"),
        Wrong("a token of nobody", "cst_a.b", "unknown_token"),
        Wrong("a token signed with another key", token(keys.whole, made_with=keys.caller),
              "unknown_token"),
        Wrong("a token with a byte more", f"{changed}A.{signature}", "unknown_token"),
        Wrong("a token that is no text", f"{changed}.\xff{signature}", "unknown_key"),
        Wrong("a token that lives for a day", token(keys.whole, now + 86_400), "unknown_token"),
        Wrong("an expired token", token(keys.whole, now - _AGES_AGO), "expired_token"),
        Wrong("a token of a revoked key", token(keys.revoked), "revoked_key"),
        Wrong("a token of an expired key", token(keys.expired), "expired_key"),
        *(Wrong(name, each, "unknown_token") for name, each in authority.forgeries(_TENANT)),
    ]  # fmt: skip
