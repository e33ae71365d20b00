"""Where the webhooks of a site's gateways go, as a policy has to know it."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from deploy.kubernetes.values import Gateway
from gateway.webhooks.addresses import Addresses
from gateway.webhooks.rules import host_of

_HTTPS = 443


def active(gateway: Gateway) -> bool:
    """Whether there are any."""
    return bool(_text(gateway, "url") or _text(gateway, "hosts"))


def ports(gateway: Gateway) -> list[int]:
    """Return their ports: that of `webhook_url`, and 443 for the URLs that calls name.

    ValueError: `webhook_url` is no URL.
    """
    found = {_HTTPS} if _text(gateway, "hosts") else set()
    if url := _text(gateway, "url"):
        if host_of(url) is None:
            raise ValueError(f"{url!r} is not a URL with http or https")
        parts = urlsplit(url)
        found.add(parts.port or (_HTTPS if parts.scheme == "https" else 80))
    return sorted(found)


def networks(gateway: Gateway) -> list[str]:
    """Return where they go beside public addresses.

    That is `webhook_networks`, and addresses that stand in place of a host's name.
    """
    allowed = [str(each) for each in Addresses.parse(_text(gateway, "networks")).networks]
    hosts = [host_of(_text(gateway, "url")) or "", *_text(gateway, "hosts").split(",")]
    return allowed + [each for host in hosts if (each := _address(host))]


def _address(host: str) -> str:
    try:
        return str(ip_address(host.strip()))
    except ValueError:
        return ""


def _text(gateway: Gateway, name: str) -> str:
    return str(gateway.settings.get(f"webhook_{name}", ""))
