"""Every way into a gateway that needs a key: paths, protocols, and ports of their own."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from urllib.parse import quote

from gateway.access.rules import HANDSHAKE, NEEDS, Need
from gateway.protocols import PROTOCOLS
from gateway.protocols.api import Carrier, Transport
from tests.attack import wire
from tests.attack.holdings import Holdings, bearer

_ASKED = "intent=transcription&encoding=linear16&sample_rate=16000"
"""What a handshake has to say at one path or another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A path on a port; 0 is the gateway's own. `need`: what it needs.

    `handshake`: it is that of a WebSocket. `carrier`: where its clients can put a key.
    """

    path: str
    method: str = "GET"
    port: int = 0
    need: Need = HANDSHAKE
    handshake: bool = False
    carrier: Carrier = Carrier.HEADERS

    @property
    def name(self) -> str:
        """What reports call it."""
        return f"{'WebSocket' if self.handshake else self.method} {self.path.partition('?')[0]}"

    def request(self, headers: tuple[str, ...], path: str = "") -> bytes:
        """Return the request; `path` in place of the door's own."""
        if self.handshake:
            return wire.upgrade(path or self.path, headers)
        return wire.request(path or self.path, headers, method=self.method)

    def ways(self, credential: str) -> list[bytes]:
        """Return requests that show a credential, in each way that it may be shown here."""
        if not credential:
            return [self.request(())]
        shown = [
            bearer(credential),
            (f"Authorization: Token {credential}",),
            (f"X-Api-Key: {credential}",),
            (f"Sec-WebSocket-Protocol: callscribe, token.{credential}",),
            (f"Sec-WebSocket-Protocol: Token, {credential}",),
        ]
        requests = [self.request(headers) for headers in shown]
        if self.carrier is Carrier.QUERY:
            both = f"{self.path}{'&' if '?' in self.path else '?'}token={quote(credential)}"
            requests.append(self.request((), both))
        return requests


def paths(session: str) -> Iterator[Door]:
    """Yield each path of HTTP that needs a key; `session` is the call that they are about."""
    for (method, path), need in NEEDS.items():
        if need is not Need.NOTHING:
            yield Door(path=path.replace("{id}", session), method=method, need=need)


def handshakes(session: str, holdings: Holdings) -> Iterator[Door]:
    """Yield the handshake of every protocol, and that of a call's events."""
    yield Door(path=f"/v1/sessions/{session}/events", need=Need.READ, handshake=True)
    for protocol in PROTOCOLS:
        if protocol.transport is Transport.WEBSOCKET:
            yield Door(
                path=f"{protocol.path}?{_ASKED}",
                port=holdings.ports.get(protocol.port, 0),
                handshake=True,
                carrier=protocol.credential_in,
            )


def plain_ports(holdings: Holdings) -> list[int]:
    """Return the ports whose protocols carry no key."""
    tcp = (each for each in PROTOCOLS if each.transport is Transport.TCP)
    return [holdings.ports[each.port] for each in tcp]


def attempts(session: str, holdings: Holdings) -> Iterator[tuple[Door, str, str, bytes]]:
    """Yield door, name and code of each wrong credential, and a request, for ever.

    From one round to the next each is shown in another way.
    """
    doors = [*paths(session), *handshakes(session, holdings)]
    ways = [
        (door, each.name, each.code, cycle(door.ways(each.credential)))
        for each in holdings.wrong
        for door in doors
        # Without a key in its headers, a handshake waits for the one in its message.
        if each.credential or door.carrier is not Carrier.MESSAGES
    ]
    while True:
        for door, name, code, requests in ways:
            yield door, name, code, next(requests)
