"""Which web pages may use the gateway from their visitors' browsers. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self
from urllib.parse import urlsplit

_OTHERS = ("*", "null", "file://")
"""All; a page that was opened as a file, in browsers and in Electron."""


@dataclass(frozen=True, slots=True)
class Origins:
    """`allowed`: origins such as ``https://desk.example``, or one of `_OTHERS`.

    Without any, pages of the gateway's own host and of this machine may.
    """

    allowed: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read origins with commas between them; ValueError names a bad one."""
        listed = [each.strip().lower() for each in text.split(",") if each.strip()]
        allowed = [each if each in _OTHERS else each.rstrip("/") for each in listed]
        for each in allowed:
            parts = urlsplit(each)
            plain = parts.scheme and parts.netloc and not (parts.path or parts.query)
            if each not in _OTHERS and not plain:
                raise ValueError(f"{each!r} is no origin such as https://desk.example")
        return cls(frozenset(allowed))

    def allows(self, headers: Mapping[str, Sequence[str]]) -> bool:
        """Whether a request may come from its page; one without `Origin` comes from no page."""
        said = headers.get("origin", ())
        if not said:
            return True
        origin = said[-1].lower()
        if not origin.isascii():  # no browser sends it, and no header may repeat it
            return False
        if self.allowed:
            return bool({"*", origin} & self.allowed)
        host = _host(origin) if origin != "null" else ""
        own = (headers.get("host") or ("",))[-1].lower()
        return _host(f"//{own}") == host != "" or is_here(host)

    def expects(self, headers: Mapping[str, Sequence[str]]) -> bool:
        """Whether a request names this machine or an allowed page's, or none, as its host.

        Another site's name can be made to lead here, and its pages then have this server's own
        origin (DNS rebinding). An address cannot.
        """
        said = headers.get("host", ())
        host = _host(f"//{said[-1].lower()}") if said else "localhost"
        hosts = {_host(each) for each in self.allowed} - {""}
        here = host == "localhost" or host.endswith(".localhost") or _is_ip(host)
        return here or "*" in self.allowed or host in hosts


def _host(url: str) -> str:
    """Return the host that a URL names, or nothing."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_here(host: str) -> bool:
    """Whether a host's name or address is this machine's own, which no other machine reaches."""
    return host == "localhost" or (_is_ip(host) and ip_address(host).is_loopback)
