"""A file of a host: its text, and who may read it. Pure."""

from dataclasses import dataclass
from typing import TypeAlias

DIRECTORY = "/etc/callscribe"
UNITS = "/etc/systemd/system"
CA = f"{DIRECTORY}/ca.pem"


@dataclass(frozen=True)
class File:
    """Belongs to root."""

    text: str
    mode: int


Files: TypeAlias = dict[str, File]
"""Files of a host by their paths."""


def public(text: str) -> File:
    """Return a file that every user of its host may read."""
    return File(text, 0o644)


def secret(text: str) -> File:
    """Return a file for root alone."""
    return File(text, 0o600)


def drop_in(unit: str) -> str:
    """Return the path of what a site adds to a unit."""
    return f"{UNITS}/{unit}.d/site.conf"
