"""The inventory of the page, and what its files are made of."""

from callscribe.hosts.inventory import Inventory, parse
from callscribe.hosts.rendering import Given
from tests.conftest import ROOT
from tests.documents import block

INVENTORY = block("docs/hosts.md", "[hosts.one]")
USERS = ("gateway", "vad", "denoise", "asr", "align", "operator", "metrics", "admin")


def site(more: str = "") -> Inventory:
    """Return the page's site; `more` stands before its hosts."""
    return parse(more + "\n" + INVENTORY)


def given(certificate: str | None = None) -> Given:
    """Return secrets that can be told apart, and the units of this clone."""
    systemd = ROOT / "deploy" / "systemd"
    return Given(
        passwords={user: f"password of {user}" for user in USERS},
        users="digests of passwords",
        authority="authority\n",
        identities={
            name: (f"certificate of {name}\n", f"key of {name}\n")
            for name in ("one", "two", "three")
        },
        certificate=certificate,
        units={
            str(path.relative_to(systemd)): path.read_text()
            for path in systemd.rglob("*")
            if path.is_file()
        },
        rules={"alerts.yml": "groups: []\n"},
    )
