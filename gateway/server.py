"""The gateway process's shell: sockets and pages on one port, sessions, upkeep, drain."""

import asyncio
import logging
import os
import ssl
from collections.abc import Coroutine
from typing import Any
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from common.audio import SAMPLE_RATE
from common.bus import keys
from common.bus.address import Address
from common.bus.link import Command, Link
from common.errors import SettingsError
from common.telemetry.logs import Log
from common.telemetry.metrics import BusMetrics, GatewayMetrics
from gateway import fronts, pages
from gateway.admission import ALIGN
from gateway.connection import Connection
from gateway.downlink import Downlink
from gateway.fleet import Fleet
from gateway.session import Gateway, Session
from gateway.settings import GatewaySettings
from gateway.uplink import Uplink

SERVICE_RESTART = 1012
STAGES = ("denoise", "vad", "asr", ALIGN)
REQUIRED = ("vad", "asr")

_RENEW_EVERY = 10.0
_AUDIO_KEPT = 300 * SAMPLE_RATE
"""Hard cap of a leg's audio in Redis: reached only when nothing consumes it for five minutes."""
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
        self._draining = False
        self._idle = asyncio.Event()

    async def start(self, tls: ssl.SSLContext | None) -> None:
        """Connect to Redis and listen. Raises BusUnavailable or SettingsError."""
        settings = self._settings
        address = Address.parse(settings.redis_url)
        links = [
            Link(address, f"{self._name}:{role}", self._bus_metrics)
            for role in ("up", "down", "doorbell", "work")
        ]
        for link in links:
            await link.connect()
        self._links = links
        up, down, doorbell, work = links
        self._uplink = Uplink(up, period=settings.flush_ms / 1000)
        self._downlink = Downlink(down, doorbell, self._name, self._bus_metrics)
        self._fleet = Fleet(work, STAGES)
        await self._fleet.look()
        self._gateway = Gateway(
            *(self._name, settings, work, self._uplink, self._downlink, self._fleet),
            self._metrics,
        )
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
            "fleet": self._fleet.run(),
            "renew": self._renew_for_ever(),
        }

    async def drain(self) -> None:
        """Admit no more calls and wait until the running ones have ended."""
        self._draining = True
        self._note_idle()
        await self._idle.wait()

    async def stop(self) -> None:
        """Send away who is still there, write what they said, close everything."""
        for session in list(self._sessions):
            session.go_away(SERVICE_RESTART, "the server restarts")
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
                create_connection=Connection,
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
        front = self._fronts[urlsplit(connection.request.path).path]
        build = front(self._settings.session_defaults())
        session = Session(self._gateway, build, connection, self._dispose)
        self._sessions.add(session)
        await connection.serve(session, self._settings.opening_s)

    def _dispose(self, session: Session) -> None:
        self._sessions.discard(session)
        self._note_idle()
        disposal = asyncio.create_task(session.dispose(), name=f"dispose:{session.id}")
        self._disposals.add(disposal)
        disposal.add_done_callback(self._disposals.discard)

    def _note_idle(self) -> None:
        if self._draining and not self._sessions:
            self._idle.set()

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer a plain HTTP request, or let a WebSocket handshake go on."""
        path = urlsplit(request.path).path
        if path in self._fronts:
            return self._refusal()
        page = pages.find(path, self)
        headers = Headers(
            [
                ("Content-Type", page.content_type),
                ("Content-Length", str(len(page.body))),
                ("Cache-Control", "no-store"),
                ("Connection", "close"),
            ]
        )
        return Response(page.status, page.reason, headers, page.body)

    def _refusal(self) -> Response | None:
        if self._draining:
            reason, retry_after = "draining", 1
        elif len(self._sessions) >= self._settings.max_sessions:
            reason, retry_after = "max_sessions", 5
        else:
            return None
        self._metrics.refusals.labels(reason).inc()
        body = f"refused: {reason}\n".encode()
        headers = Headers(
            [
                ("Content-Type", "text/plain; charset=utf-8"),
                ("Content-Length", str(len(body))),
                ("Retry-After", str(retry_after)),
                ("Connection", "close"),
            ]
        )
        return Response(503, "Service Unavailable", headers, body)

    async def _renew_for_ever(self) -> None:
        """Keep the keys of living sessions alive and their audio within its cap; end lost ones."""
        while True:
            await asyncio.sleep(_RENEW_EVERY)
            sessions = [session for session in self._sessions if session.registered]
            alive = await self._gateway.link.insist(
                [("EXPIRE", session.meta, keys.SESSION_TTL) for session in sessions]
            )
            commands: list[Command] = []
            for session, exists in zip(sessions, alive, strict=True):
                if not exists:
                    session.lose("session_lost", "Redis came back without this call")
                elif session.overdue:
                    session.lose("unfinished", "the last words were not recognised in time")
                else:
                    session.forgo_overdue_words()
                    commands += [("EXPIRE", key, keys.SESSION_TTL) for key in session.streams]
                    commands += [
                        ("XTRIM", key, "MINID", "~", end - _AUDIO_KEPT)
                        for key, end in session.audio_horizons
                        if end > _AUDIO_KEPT
                    ]
            await self._gateway.link.insist(commands)

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
