"""Where webhooks may go, and what signs them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from gateway.webhooks.addresses import Addresses
from gateway.webhooks.signing import Secrets


@dataclass(frozen=True, slots=True)
class WebhookRules:
    """`url` gets every call that names none; a call's own must be at one of `hosts`.

    Names must lead to `addresses`.
    """

    url: str = ""
    hosts: frozenset[str] = frozenset()
    addresses: Addresses = field(default_factory=Addresses)
    secrets: Secrets = field(default_factory=Secrets)

    @classmethod
    def parse(cls, url: str, hosts: str, networks: str, secret_file: Path | None) -> Self:
        """Read the settings; ValueError names the flag that is wrong."""
        if url and host_of(url) is None:
            raise ValueError(f"--webhook-url: {url!r} is no http or https URL")
        try:
            addresses = Addresses.parse(networks)
        except ValueError as error:
            raise ValueError(f"--webhook-networks: {error}") from None
        allowed = frozenset(host.strip().lower() for host in hosts.split(",") if host.strip())
        if not (url or allowed):
            return cls()
        if secret_file is None:
            raise ValueError("--webhook-secret-file: webhooks need one, so that they are signed")
        try:
            secrets = Secrets.parse(secret_file.read_text())
        except (OSError, ValueError) as error:
            raise ValueError(f"--webhook-secret-file: {error}") from None
        if not secrets.keys:
            raise ValueError(f"--webhook-secret-file: {secret_file} is empty")
        return cls(url, allowed, addresses, secrets)

    @property
    def active(self) -> bool:
        """Whether there are any."""
        return bool(self.url or self.hosts)

    def chosen(self, named: str) -> str | None:
        """Return the URL of a call that names this one, or none; None if it may not name it."""
        if not named:
            return self.url
        return named if host_of(named) in self.hosts else None


def host_of(url: str) -> str | None:
    """Return the host of a http or https URL in lower case; None if it is none."""
    try:
        parts = urlsplit(url)
        plausible = parts.scheme in ("http", "https") and url.isprintable()
        # Programs disagree on where the host ends that has a backslash before it or in it.
        plausible = plausible and not {" ", "\\"} & {*url}
        return parts.hostname if plausible and parts.port != 0 else None
    except ValueError:
        return None
