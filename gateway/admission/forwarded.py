"""The address of a client behind proxies: ``X-Forwarded-For``, and ``Forwarded`` of RFC 7239.

Each proxy appends the address that called it. Any client can send these fields, so an entry counts
only if a trusted proxy wrote it: the right-most address that is not a trusted proxy's is the
client's. Entries left of it come from the client itself and are not read.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self, TypeAlias

IPAddress: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

# RFC 7239, 6: brackets around IPv6 where a port follows; X-Forwarded-For has it without, too.
_NODE = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d{1,5})?|([0-9.]+)(?::\d{1,5})?|([0-9A-Fa-f:.]+)")
# RFC 7239, 4; addresses with colons are also taken without quotes, as some proxies write them.
_PAIR = re.compile(r'[ \t]*([^\s"=,;]+)=("(?:[^"\\]|\\.)*"|[^\s",;]*)[ \t]*')
_FIELDS = ("x-forwarded-for", "forwarded")
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """The proxies that are trusted to tell their clients' addresses; none by default."""

    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read addresses and CIDR networks with commas between them; ValueError names a bad one."""
        return cls(tuple(_network(part.strip()) for part in text.split(",") if part.strip()))

    def client_by(self, peer: str, headers: Mapping[str, Sequence[str]]) -> str:
        """Return the client's address; `headers` by their names in lower case. See `client`."""
        return self.client(peer, *(headers.get(name, ()) for name in _FIELDS))

    def client(self, peer: str, x_forwarded_for: Sequence[str], forwarded: Sequence[str]) -> str:
        """Return the client's address, given the peer's and the values of both header fields.

        It is the peer's own if the peer is no trusted proxy, if the entries that count cannot be
        read, or if the fields contradict each other: a proxy that writes one of them may pass on
        the other as the client sent it. An IPv4 address in IPv6 form is returned as IPv4.
        """
        address = _address(peer)
        if address is None:
            return peer
        if self._trusts(address):
            fields = _listed(x_forwarded_for), _elements(forwarded)
            told = {self._last_untrusted(hops) for hops in fields if hops}
            if len(told) == 1:
                address = told.pop() or address
        return str(address)

    def trusts(self, peer: str) -> bool:
        """Whether a peer is one of them."""
        address = _address(peer)
        return address is not None and self._trusts(address)

    def _last_untrusted(self, hops: Sequence[IPAddress | None]) -> IPAddress | None:
        for hop in reversed(hops):
            if hop is None or not self._trusts(hop):
                return hop
        return hops[0]

    def _trusts(self, address: IPAddress) -> bool:
        return any(address in network for network in self.networks)


def _network(text: str) -> Network:
    try:
        network = ip_network(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no address or network: {error}") from None
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None:
        raise ValueError(f"{text!r} is an IPv4 network: write it as one")
    return network


def _address(text: str) -> IPAddress | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _node(text: str) -> IPAddress | None:
    found = _NODE.fullmatch(text)
    return None if found is None else _address(next(filter(None, found.groups()), ""))


def _listed(values: Iterable[str]) -> list[IPAddress | None]:
    return [_node(entry.strip()) for entry in ",".join(values).split(",") if entry.strip()]


def _elements(values: Iterable[str]) -> list[IPAddress | None]:
    """Return the `for` of each element, None where there is none or it is no address.

    A value that breaks the grammar is one such element: with an open quote, the proxy's part cannot
    be told from the client's.
    """
    hops: list[IPAddress | None] = []
    for value in values:
        hops += _parsed(value)
    return hops


def _parsed(value: str) -> list[IPAddress | None]:
    hops: list[IPAddress | None] = []
    named: list[str] = []
    position = 0
    while True:
        pair = _PAIR.match(value, position)
        if pair is None:
            return [None]
        if pair[1].lower() == "for":
            quoted = pair[2].startswith('"')
            named.append(_ESCAPED.sub(r"\1", pair[2][1:-1]) if quoted else pair[2])
        position = pair.end()
        separator = value[position : position + 1]
        if separator in ("", ","):
            hops.append(_node(named[0]) if len(named) == 1 else None)
            named.clear()
        if not separator:
            return hops
        if separator not in ",;":
            return [None]
        position += 1
