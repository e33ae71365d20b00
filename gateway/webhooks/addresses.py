"""The addresses that webhooks may go to: public ones, and those that the operator names.

A name is looked up once for a connection, and what was found is what is connected to. So it does
not help to answer differently the next time (DNS rebinding).
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from socket import AF_INET, AddressFamily
from typing import Self

from aiohttp.abc import AbstractResolver, ResolveResult

_NAT64 = IPv6Network("64:ff9b::/96")
"""Addresses that stand for the IPv4 address in their last 32 bits (RFC 6052)."""
_SPECIAL = (
    IPv4Network("192.0.0.0/24"),  # a cloud's metadata is at 192.0.0.192
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("2001::/32"),  # Teredo and 6to4 hold an IPv4 address, and are gone
    IPv6Network("2002::/16"),
)
"""Networks without public hosts that `is_global` takes for public, at least in some Pythons."""


class Forbidden(OSError):
    """A name leads to addresses alone that webhooks may not go to."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Public addresses, and those in `networks`."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read addresses and CIDR networks with commas between them; ValueError names a bad one."""
        return cls(tuple(ip_network(part.strip()) for part in text.split(",") if part.strip()))

    def allow(self, text: str) -> bool:
        """Whether webhooks may go to an address."""
        address = _unwrapped(ip_address(text))
        return _is_public(address) or any(address in network for network in self.networks)


class Resolver(AbstractResolver):
    """Looks names up with another resolver, and returns only addresses that are allowed.

    A URL with an address in place of a name is not looked up: its text must be allowed as it is.
    """

    def __init__(self, addresses: Addresses, names: AbstractResolver) -> None:
        self._addresses = addresses
        self._names = names

    async def resolve(
        self, host: str, port: int = 0, family: AddressFamily = AF_INET
    ) -> list[ResolveResult]:
        """Return the allowed addresses of a name.

        Raises Forbidden if it has others only, OSError if it has none.
        """
        found = await self._names.resolve(host, port, family)
        allowed = [each for each in found if self._addresses.allow(each["host"])]
        if found and not allowed:
            told = ", ".join(each["host"] for each in found)
            raise Forbidden(f"{host} is at {told}, where --webhook-networks allows nothing")
        return allowed

    async def close(self) -> None:
        """Close the other resolver."""
        await self._names.close()


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 address stands for; any other one as it is."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is that of a host on the Internet."""
    if address.is_multicast or address.is_reserved or any(address in each for each in _SPECIAL):
        return False
    if isinstance(address, IPv6Address) and address.is_site_local:
        return False
    return address.is_global
