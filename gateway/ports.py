"""All ports of one gateway: the shared one, those of one protocol each, and that of operators."""

from collections.abc import Callable, Iterable, Sequence
from ssl import SSLContext
from typing import TypeAlias

from aiohttp import web

from common.listening import listen
from common.settings import definitions
from common.telemetry.logs import Log
from common.telemetry.metrics import GatewayMetrics
from gateway.access.gate import Gate
from gateway.access.origins import is_here
from gateway.admission.forwarded import TrustedProxies
from gateway.admission.handshake import Handshakes
from gateway.conversations.reception import Reception
from gateway.http.guard import OPERATORS, Guard, OperatorsGuard
from gateway.http.site import Site
from gateway.protocols import PROTOCOLS
from gateway.protocols.api import Protocol, Transport
from gateway.settings import GatewaySettings
from gateway.tcp.listener import TcpListener
from gateway.turns.crowd import Crowd
from gateway.websocket.listener import WebSocketListener

Routes: TypeAlias = Callable[[], Iterable[web.AbstractRouteDef]]

_log = Log(__name__)


class Ports:
    """Lets clients in through all ports that the settings open."""

    def __init__(
        self,
        settings: GatewaySettings,
        proxies: TrustedProxies,
        reception: Reception,
        handshakes: Handshakes,
        metrics: GatewayMetrics,
        gate: Gate,
    ) -> None:
        self._settings = settings
        self._reception = reception
        self._handshakes = handshakes
        self._metrics = metrics
        self._gate = gate
        self._proxies = proxies
        self._crowd = Crowd()
        self._sites: list[Site] = []
        self._listeners: list[WebSocketListener | TcpListener] = []

    @property
    def shared(self) -> int:
        """The port for WebSockets and HTTP."""
        return self._listeners[-1].port

    async def open(self, public: Routes, operators: Routes, tls: SSLContext | None) -> None:
        """Listen, at the shared port last: a gateway that says it is ready has them all.

        `operators`: what `--admin-port` answers. Raises what `common.listening.listen` raises.
        """
        settings = self._settings
        apart = settings.admin_port
        hidden = OPERATORS if apart is not None else ()
        guard = Guard(self._gate, self._proxies, self._metrics, hidden)
        site = Site(public(), self._metrics, self._proxies.trusts, guard.check)
        shared = [each for each in PROTOCOLS if not each.port]
        await site.start()
        self._sites.append(site)
        if apart is not None:
            trusts = self._proxies.trusts
            guard_apart = OperatorsGuard(here=is_here(settings.admin_host))
            site_apart = Site(operators(), self._metrics, trusts, guard_apart.check)
            await site_apart.start()
            self._sites.append(site_apart)
            beside = self._web_sockets([], site_apart)
            await self._listen(beside, settings.admin_host, apart, tls, "--admin-port")
        for protocol in PROTOCOLS:
            if (port := protocol.port_in(settings)) is not None:
                flag = definitions(GatewaySettings)[protocol.port].flag
                own = self._listener_of(protocol, site)
                await self._listen(own, settings.host, port, tls, flag)
        here = self._web_sockets(shared, site)
        await self._listen(here, settings.host, settings.port, tls, "--port")

    async def close(self) -> None:
        """Accept no more connections, and close those that there are."""
        for listener in self._listeners:
            await listener.close()
        for site in self._sites:
            await site.close()

    async def _listen(
        self,
        listener: WebSocketListener | TcpListener,
        host: str,
        port: int,
        tls: SSLContext | None,
        flag: str,
    ) -> None:
        await listen(flag, host, port, lambda: listener.listen(host, port, tls))
        self._listeners.append(listener)
        _log.info("gateway.listening", host=host, port=listener.port)

    def _listener_of(self, protocol: Protocol, site: Site) -> WebSocketListener | TcpListener:
        if protocol.transport is not Transport.TCP:
            return self._web_sockets([protocol], site)
        return TcpListener(
            protocol,
            self._reception,
            self._handshakes,
            self._crowd,
            gate=self._gate,
            opening_s=self._settings.opening_s,
        )

    def _web_sockets(self, protocols: Sequence[Protocol], site: Site) -> WebSocketListener:
        return WebSocketListener(
            protocols,
            self._reception,
            self._handshakes,
            self._crowd,
            site.connection,
            self._metrics,
            self._gate,
            proxies=self._proxies,
            opening_s=self._settings.opening_s,
            max_size=self._settings.max_message_bytes,
        )
