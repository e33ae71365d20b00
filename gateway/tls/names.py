"""The names and addresses under which this machine's clients know it."""

import ipaddress
import re
import socket
from collections.abc import Iterator
from contextlib import suppress

from common.errors import SettingsError

_NAME = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_ELSEWHERE = (
    (socket.AF_INET, "192.0.2.1"),
    (socket.AF_INET6, "2001:db8::1"),
)
"""Addresses of no machine (RFC 5737, RFC 3849): a route to them shows this machine's own one."""


def own_names(*given: str) -> list[str]:
    """Return `given`, localhost, and this machine's name and addresses, without 0.0.0.0 and ::.

    Raises SettingsError for what is neither a host name nor an address.
    """
    host = socket.gethostname()
    names = [*given, "localhost", host, "127.0.0.1", "::1", *_listed(host), *_routed()]
    return [name for name in dict.fromkeys(map(_plain, names)) if not _any(name)]


def _listed(host: str) -> Iterator[str]:
    """Yield the addresses that the machine's name leads to."""
    with suppress(OSError):
        for *_, address in socket.getaddrinfo(host, None):
            yield str(address[0])


def _routed() -> Iterator[str]:
    """Yield the addresses that other machines see; nothing is sent."""
    for family, elsewhere in _ELSEWHERE:
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((elsewhere, 9))
            yield str(probe.getsockname()[0])


def _plain(name: str) -> str:
    """Return an address without its zone and a name in ASCII, as a certificate has them."""
    try:
        return str(ipaddress.ip_address(name.partition("%")[0]))
    except ValueError:
        pass
    try:
        plain = name.encode("idna").decode().lower()
    except ValueError:
        plain = ""
    if not _NAME.fullmatch(plain):
        raise SettingsError(f"{name!a} is neither a host name nor an address")
    return plain


def _any(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_unspecified
    except ValueError:
        return False
