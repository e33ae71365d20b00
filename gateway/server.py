"""The gateway process's shell: sockets and pages on one port, sessions, upkeep, drain."""

import asyncio
import logging
import os
import ssl
from collections.abc import Coroutine
from functools import partial
from http import HTTPStatus
from typing import Any, cast

from prometheus_client import CollectorRegistry
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from common.errors import SettingsError
from common.pipeline.stages import PIPELINE, REQUIRED
from common.redis.address import Address
from common.redis.link import Link
from common.telemetry.logs import Log
from common.telemetry.metrics import BusMetrics, GatewayMetrics
from gateway import pages
from gateway import protocols as fronts
from gateway.admission.capacity import Capacity
from gateway.admission.forwarded import TrustedProxies
from gateway.admission.handshake import Handshakes, comes_back, path
from gateway.admission.quota import Quota, caller
from gateway.admission.workers import Workers
from gateway.calls.context import Gateway
from gateway.calls.maintenance import Maintenance
from gateway.calls.session import Session
from gateway.calls.store import SessionStore
from gateway.downlink.reader import Downlink
from gateway.settings import GatewaySettings
from gateway.uplink.writer import Uplink
from gateway.websocket.connection import Connection
from gateway.websocket.crowd import Crowd
from gateway.websocket.request import Complaint

_LAST_WRITES = 1.0
_BACKLOG = 4096
"""Connections that may wait to be accepted. After a restart all clients come back at once; of one
that does not fit, the kernel drops the handshake and its client waits for seconds, or for ever."""

_log = Log(__name__)


class GatewayServer:
    """Accepts clients and carries their sessions until drained."""

    def __init__(self, settings: GatewaySettings, registry: CollectorRegistry, name: str) -> None:
        self._settings = settings
        self._registry = registry
        self._name = name
        self._bus_metrics = BusMetrics.build(registry)
        self._metrics = GatewayMetrics.build(registry)
        self._sessions: set[Session] = set()
        self._disposals: set[asyncio.Task[None]] = set()
        self._fronts = fronts.by_path()
        self._proxies = TrustedProxies.parse(settings.trusted_proxies or "")
        self._draining = False
        self._idle = asyncio.Event()

    async def start(self, tls: ssl.SSLContext | None) -> None:
        """Connect to Redis and listen. Raises BusUnavailable or SettingsError."""
        settings = self._settings
        address = Address.parse(settings.redis_url)

        async def dial(role: str) -> Link:
            link = Link(address, f"{self._name}:{role}", self._bus_metrics)
            await link.connect()
            return link

        self._links = [await dial(role) for role in ("up", "down", "work")]
        up, down, work = self._links
        self._uplink = Uplink(up, period=settings.flush_ms / 1000)
        self._downlink = Downlink(down, self._name, self._bus_metrics, dial)
        self._fleet = fleet = Workers(work, PIPELINE, Capacity(settings.asr_load))
        self._metrics.recognisers_busy.set_function(lambda: fleet.busy)
        await self._fleet.look()
        most = settings.max_sessions_per_key
        quota = Quota(work, most) if most else None
        self._door = Handshakes(
            self._fleet,
            self._metrics,
            most=settings.max_sessions,
            quota=quota,
            free_connection=self._free_connection,
            free_call=self._free_call,
        )
        self._roster = SessionStore(work, self._name)
        self._gateway = Gateway(
            name=self._name,
            settings=settings,
            link=work,
            uplink=self._uplink,
            downlink=self._downlink,
            fleet=self._fleet,
            roster=self._roster,
            door=self._door,
            metrics=self._metrics,
        )
        self._caretaker = Maintenance(self._gateway, self._sessions, self._dispose)
        self._server = await self._listen(tls)
        _log.info("gateway.listening", host=settings.host, port=self.port)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        port: int = next(iter(self._server.sockets)).getsockname()[1]
        return port

    def services(self) -> dict[str, Coroutine[Any, Any, None]]:
        """Return the coroutines that make up the running gateway, by name."""
        return {
            "uplink": self._uplink.run(),
            "downlink": self._downlink.run(),
            "sweep": self._downlink.sweep(),
            "fleet": self._fleet.run(self._hold_all),
            "renew": self._caretaker.renew_for_ever(),
            "lag": self._caretaker.tell_lag_for_ever(),
            "stores": self._caretaker.bound_stores_for_ever(),
        }

    async def drain(self) -> None:
        """Admit no more calls; wait until the running ones have ended or gone elsewhere.

        A client that comes back is sent away at once: another gateway goes on with its call.
        """
        self._draining = True
        self._door.close()
        for session in list(self._sessions):
            if session.returns or not session.present:
                session.send_away()
        self._note_idle()
        await self._idle.wait()

    async def stop(self) -> None:
        """Send away who is still there, write what they said, close everything."""
        for session in list(self._sessions):
            session.send_away()
        # The services have ended by now; the last words still have to be written.
        writing = asyncio.create_task(self._uplink.run())
        await self._uplink.settle(_LAST_WRITES)
        writing.cancel()
        self._server.close()
        await self._server.wait_closed()
        if self._disposals:
            await asyncio.wait(self._disposals, timeout=_LAST_WRITES)
        for link in self._links:
            await link.close()

    async def _listen(self, tls: ssl.SSLContext | None) -> Server:
        settings = self._settings
        # At info the library reports every connection and every probe.
        logging.getLogger("websockets").setLevel(logging.WARNING)
        try:
            return await serve(
                self._handle,
                settings.host,
                settings.port,
                ssl=tls,
                process_request=self._answer,
                create_connection=cast(Any, partial(Connection, crowd=Crowd())),
                # Audio hardly compresses and a deflate context costs each session 16 KB and more.
                compression=None,
                max_size=settings.max_message_bytes,
                backlog=_BACKLOG,
                server_header=None,
            )
        except OSError as error:
            reason = error.strerror or str(error)
            where = f"{settings.host}:{settings.port}"
            raise SettingsError(f"--port: cannot listen on {where}: {reason}") from error

    async def _handle(self, connection: ServerConnection) -> None:
        assert isinstance(connection, Connection)
        assert connection.request is not None
        front = self._fronts[path(connection.request)]
        build = front(self._settings.session_defaults())
        name = connection.id.hex
        session = Session(
            self._gateway,
            build,
            connection,
            self._dispose,
            name=name,
            caller=connection.caller,
            returning=comes_back(connection.request),
        )
        self._sessions.add(session)
        self._gateway.unopened.add(session.caller, session)
        if self._fleet.flooded:
            session.throttle.hold("memory", True)
        await connection.serve(session, self._settings.opening_s)

    def _dispose(self, session: Session) -> None:
        self._sessions.discard(session)
        self._note_idle()
        disposal = asyncio.create_task(session.dispose(), name=f"dispose:{session.id}")
        self._disposals.add(disposal)
        disposal.add_done_callback(self._disposals.discard)

    def _free_connection(self) -> bool:
        """End the connection without a call that goes first; tell whether there was one."""
        session = self._gateway.unopened.first_to_go()
        if session is not None:
            session.give_up()
        return session is not None

    def _free_call(self) -> bool:
        """End the call without a client that goes first; tell whether there was one."""
        absence = self._gateway.absent.first_to_go()
        if absence is not None:
            absence.cut_short()
        return absence is not None

    def _hold_all(self, held: bool) -> None:
        """Read nobody while Redis is so full that workers need the room to make room."""
        for session in self._sessions:
            session.throttle.hold("memory", held)

    def _note_idle(self) -> None:
        if self._draining and not self._sessions:
            self._idle.set()

    def _answer(
        self, connection: ServerConnection, request: Request
    ) -> Response | Coroutine[Any, Any, Response | None] | None:
        """Answer a plain HTTP request, or let a WebSocket handshake go on."""
        assert isinstance(connection, Connection)
        complaint, is_call = connection.complaint, path(request) in self._fronts
        if complaint is None and is_call and not connection.bare:
            forwarded = map(request.headers.get_all, ("X-Forwarded-For", "Forwarded"))
            connection.peer = self._proxies.client(connection.peer, *forwarded)
            present = sum(session.present for session in self._sessions)
            connection.caller = caller(request.headers, connection.peer)
            return self._door.answer(connection.id.hex, request, connection.caller, present)
        if complaint is None and is_call:
            complaint = Complaint(HTTPStatus.METHOD_NOT_ALLOWED, "a WebSocket handshake is a GET")
        if complaint is not None:
            self._metrics.refusals.labels("bad_request").inc()
            page = pages.text(complaint.status, complaint.text)
        else:
            page = pages.find(path(request), self)
        headers = Headers(
            [
                ("Content-Type", page.content_type),
                ("Content-Length", str(len(page.body))),
                ("Cache-Control", "no-store"),
                ("Connection", "close"),
            ]
        )
        if page.status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = "GET, HEAD"
        return Response(page.status, page.reason, headers, b"" if connection.bare else page.body)

    # --- what the pages show ---

    @property
    def registry(self) -> CollectorRegistry:
        """The metrics of this process."""
        return self._registry

    def unready(self) -> str | None:
        """Tell why no call can be taken now, or None."""
        if self._draining:
            return "draining"
        if not all(link.connected for link in self._links):
            return "Redis is away"
        missing = self._fleet.missing(REQUIRED)
        return f"no live worker: {', '.join(missing)}" if missing else None

    def status(self) -> dict[str, object]:
        """Return what an operator asks first, as JSON-able values."""
        return {
            "gateway": self._name,
            "pid": os.getpid(),
            "ready": self.unready() is None,
            "reason": self.unready(),
            "sessions": len(self._sessions),
            "max_sessions": self._settings.max_sessions,
            "stages": self._fleet.summary(),
            "fronts": sorted(self._fronts),
        }
