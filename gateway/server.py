"""The gateway process's shell: what it consists of, its upkeep, its drain."""

import asyncio
import os
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from functools import partial
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry

from common.bus.keys import GATEWAY
from common.bus.releases import refuse_beside_strangers
from common.lifecycle import Stop
from common.pipeline.stages import PIPELINE, REQUIRED
from common.redis.address import Address
from common.redis.link import Link
from common.redis.refusals import Refusals
from common.telemetry.logs import Log
from common.telemetry.metrics import BusMetrics, GatewayMetrics, TlsMetrics
from gateway.access.keyring import Keyring
from gateway.access.meter import Meter
from gateway.access.tenant_metrics import TenantMetrics
from gateway.admission.capacity import Capacity
from gateway.admission.handshake import Handshakes
from gateway.admission.presence import Presence
from gateway.admission.quota import Quota
from gateway.admission.workers import Workers
from gateway.calls.absence import Absence
from gateway.calls.directory import Directory
from gateway.calls.lost_work import LostWork
from gateway.calls.maintenance import Maintenance
from gateway.calls.opening import Openings
from gateway.calls.services import Patience, Services
from gateway.calls.silence import give_place, quiet_legs
from gateway.calls.spans import NoSpans
from gateway.calls.table import Calls
from gateway.conversations.newcomers import Newcomers
from gateway.conversations.reasons import REVOKED
from gateway.conversations.reception import Reception
from gateway.conversations.surroundings import Surroundings
from gateway.downlink.traces import Traces
from gateway.feed.feed import Feed
from gateway.files.limits import FileLimits
from gateway.gatekeeper import gatekeeper
from gateway.http import page, pages
from gateway.http.access import AccessResources
from gateway.http.calls import CallResources
from gateway.http.files import Files
from gateway.policies import Policies
from gateway.ports import Ports
from gateway.protocols import PROTOCOLS
from gateway.settings import GatewaySettings
from gateway.sinks.metrics import SinkMetrics
from gateway.sinks.service import SinkService
from gateway.spans.recorder import SpanRecorder
from gateway.standby import Standby
from gateway.tls.serving import Tls
from gateway.uplink.writer import Uplink

_LAST_WRITES = 1.0
_LAST_SPANS = 2.0

_log = Log(__name__)


class GatewayServer:
    """Accepts clients and carries their calls until drained."""

    def __init__(
        self, settings: GatewaySettings, registry: CollectorRegistry, name: str, stop: Stop
    ) -> None:
        self._settings = settings
        self._policies = Policies.of(settings)
        self._registry = registry
        self._name = name
        self._stop = stop
        self._bus_metrics = BusMetrics.build(registry)
        self._refusals = Refusals(self._bus_metrics)
        self._metrics = GatewayMetrics.build(registry)
        self._newcomers = Newcomers(settings.max_unopened_per_key)
        self._absent: Standby[Absence] = Standby()
        self._idle = asyncio.Event()
        self._tls: Tls | None = None

    async def start(self, tls: Tls | None) -> None:
        """Connect to Redis and listen. Raises Retryable, SettingsError or Incompatible."""
        settings = self._settings
        address = Address.parse(settings.redis_url, GATEWAY)

        async def dial(role: str) -> Link:
            link = Link(address, f"{self._name}:{role}", self._bus_metrics, self._refusals)
            await link.connect()
            return link

        self._links = [await dial(role) for role in ("up", "down", "work")]
        up, down, work = self._links
        await refuse_beside_strangers(work)
        self._uplink = Uplink(up, period=settings.flush_ms / 1000)
        await self._uplink.clock.ask(up)
        self._feed = Feed(down, self._name, self._bus_metrics, dial)
        self._keyring = Keyring(work, settings.keys_file, self._end_revoked)
        await self._keyring.start()
        self._gate = gatekeeper(settings, self._policies, self._keyring)
        self._workers = workers = Workers(work, PIPELINE, Capacity(settings.asr_load))
        self._metrics.recognisers_busy.set_function(lambda: workers.busy)
        self._metrics.redis_memory.set_function(lambda: workers.memory)
        for stage in PIPELINE:
            alive = partial(workers.alive, stage.name)
            self._metrics.workers.labels(stage.name).set_function(alive)
        await workers.look()
        self._build(work)
        self._tls = tls
        if tls is not None:
            TlsMetrics.build(self._registry).expiry.set_function(lambda: tls.expiry)
        context = None if tls is None else tls.context
        self._ports = Ports(
            settings,
            self._policies.proxies,
            self._reception,
            self._handshakes,
            self._metrics,
            self._gate,
        )
        await self._ports.open(self._public, self._operators, context)

    def _end_revoked(self) -> None:
        for conversation in self._reception:
            if not self._gate.still_good(conversation.opening.who):
                conversation.refuse(REVOKED)
        self._files.end_revoked()

    def _build(self, link: Link) -> None:
        """Build what carries calls; needs the connection to Redis."""
        settings = self._settings
        self._handshakes = Handshakes(
            self._workers,
            self._metrics,
            most=settings.max_sessions,
            most_of_one=settings.max_sessions_per_key,
            quota=Quota(link),
            free_connection=self._newcomers.make_room,
            free_call=self._free_call,
            free_silent=lambda caller: give_place(self._calls, caller),
            quiet=lambda caller: quiet_legs(self._calls, caller),
        )
        store = self._policies.store(link, self._name)
        self._traces = Traces(link, self._name, self._metrics)
        self._directory = Directory(link, store)
        self._spans = self._span_recorder(link)
        spans = self._spans or NoSpans()
        self._sinks = [
            SinkService(
                link,
                self._feed,
                self._directory,
                sink,
                every=store.all_sinks,
                retention=settings.retention_s,
            )
            for sink in self._policies.all_sinks(settings, SinkMetrics.build(self._registry), link)
        ]
        self._meter = meter = Meter(link, TenantMetrics.build(self._registry))
        services = Services(
            link=link,
            uplink=self._uplink,
            feed=self._feed,
            traces=self._traces,
            spans=spans,
            store=store,
            metrics=self._metrics,
            patience=Patience(
                resume=settings.resume_s,
                absent=settings.max_absent_per_key,
                words=settings.words_wait_s,
                retention=settings.retention_s,
            ),
            absent=self._absent,
            meter=meter,
            forget=self._handshakes.leave,
        )
        self._calls = Calls(services, self._note_idle)
        openings = Openings(
            self._workers,
            store,
            self._calls,
            connected=lambda: link.connected,
            refusal=lambda: link.refusal,
            undenoised=settings.denoise_unavailable == "continue",
            webhook=self._policies.webhooks.chosen,
            meter=meter,
            records=self._policies.recordings is not None,
        )
        around = Surroundings(
            gateway=self._name,
            gate=self._gate,
            calls=self._calls,
            openings=openings,
            feed=self._feed,
            handshakes=self._handshakes,
            metrics=self._metrics,
            spans=spans,
            newcomers=self._newcomers,
        )
        self._reception = Reception(
            around,
            settings.session_defaults(),
            self._note_idle,
            audio_rate=settings.max_audio_rate,
            audio_burst=settings.audio_burst_s,
            flooded=lambda: self._workers.flooded,
        )
        self._files = Files(
            self._reception,
            self._handshakes,
            self._metrics,
            defaults=settings.session_defaults(),
            limits=FileLimits(
                places=settings.max_files,
                bytes=settings.max_upload_bytes,
                seconds=settings.max_file_s,
            ),
            gate=self._gate,
        )
        self._maintenance = Maintenance(
            link,
            store,
            self._calls,
            openings,
            self._handshakes,
            self._counted,
            meter,
            self._gate.audio_a_day,
            resume_s=settings.resume_s,
        )
        self._lost_work = LostWork(link, store, self._calls)
        self._presence = Presence(
            link,
            self._name,
            slots=lambda: 0 if self._stop.draining.is_set() else settings.max_sessions,
            used=lambda: len(self._calls),
            lacking=lambda: bool(self._workers.missing(REQUIRED)),
        )

    def _span_recorder(self, link: Link) -> SpanRecorder | None:
        endpoint = self._settings.otlp_endpoint
        if endpoint is None:
            return None
        from gateway.spans import otlp  # OpenTelemetry is an extra

        exporting = otlp.connect(endpoint, self._name, self._metrics)
        return SpanRecorder(link, exporting, self._name, self._metrics)

    def _public(self) -> list[web.AbstractRouteDef]:
        return [
            *page.routes(),
            *pages.routes(self, [each.path for each in PROTOCOLS if each.path]),
            *CallResources(self._links[2], self._feed, self._directory, self._gate).routes(),
            *AccessResources(self._gate, self._meter).routes(),
            *self._files.routes(),
        ]

    def _operators(self) -> list[web.AbstractRouteDef]:
        return [
            *pages.routes(self, ()),
            pages.drain(self, partial(self._stop.drain, "POST /v1/drain")),
        ]

    @property
    def port(self) -> int:
        """The port for WebSockets and HTTP."""
        return self._ports.shared

    def services(self) -> dict[str, Coroutine[Any, Any, None]]:
        """Return the coroutines that make up the running gateway, by name."""
        return {
            "access": self._keyring.run(),
            **self._gate.services(),
            "uplink": self._uplink.run(),
            "clock": self._uplink.keep_time(),
            "feed": self._feed.run(),
            "sweep": self._feed.sweep(),
            "traces": self._traces.run(),
            **({"spans": self._spans.run()} if self._spans is not None else {}),
            "workers": self._workers.run(self._reception.pause_all),
            "presence": self._presence.run(),
            "renew": self._maintenance.renew_for_ever(),
            "lag": self._maintenance.tell_lag_for_ever(),
            "stores": self._maintenance.bound_stores_for_ever(),
            "work": self._lost_work.run(),
            **{f"sink {sink.name}": sink.run() for sink in self._sinks},
            **({} if self._tls is None else self._tls.services()),
        }

    async def drain(self) -> None:
        """Admit no more calls; wait until the running ones have ended or are released.

        A client that resumes is closed immediately, with a resume hint: another gateway goes on
        with its call.
        """
        self._handshakes.close()
        for conversation in self._reception:
            if conversation.returns:
                conversation.send_away()
        self._release_unattended()
        self._note_idle()
        await self._idle.wait()

    async def stop(self) -> None:
        """Close the remaining clients, write their last audio, close everything."""
        for conversation in self._reception:
            conversation.send_away()
        self._release_unattended()
        # The services have ended by now; the last audio still has to be written.
        writing = asyncio.create_task(self._uplink.run())
        await self._uplink.settle(_LAST_WRITES)
        writing.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WRITES):
                await self._traces.write()
        await self._ports.close()
        self._files.close()
        await self._calls.settle(_LAST_WRITES)
        if self._spans is not None:
            await self._spans.close(_LAST_SPANS)
        for sink in self._sinks:
            await sink.leave()
        await self._directory.close()
        await self._reception.settle(_LAST_WRITES)
        await self._presence.leave()
        for link in self._links:
            await link.close()

    def _release_unattended(self) -> None:
        for call in self._calls:
            if call.running and not call.attended:
                call.release()

    def _free_call(self) -> bool:
        """End one call that has no client; tell whether there was one."""
        absence = self._absent.first_to_go()
        if absence is not None:
            absence.cut_short()
        return absence is not None

    def _counted(self) -> Iterable[str]:
        """Return the names of all calls, and of connections that may open one."""
        return [*(call.id for call in self._calls), *self._reception.callless]

    def _note_idle(self) -> None:
        if self._stop.draining.is_set() and not len(self._calls) and not len(self._reception):
            self._idle.set()

    # --- what the pages show ---

    @property
    def registry(self) -> CollectorRegistry:
        """The metrics of this process."""
        return self._registry

    def unready(self) -> str | None:
        """Tell why no call can be taken now, or None."""
        if self._stop.draining.is_set():
            return "draining"
        if not all(link.connected for link in self._links):
            return "Redis is away"
        missing = self._workers.missing(REQUIRED)
        if not missing:
            return None
        if (refusal := self._refusals.reason) is not None:
            return refusal
        ignored = self._presence.ignored
        return f"no live worker: {', '.join(missing)}{f'; {ignored}' if ignored else ''}"

    @property
    def certificate(self) -> bytes | None:
        """The self-signed certificate that is served, None if there is none."""
        return None if self._tls is None else self._tls.own

    def status(self) -> dict[str, object]:
        """Return what an operator asks first, as JSON-able values."""
        return {
            "gateway": self._name,
            "pid": os.getpid(),
            "ready": self.unready() is None,
            "reason": self.unready(),
            "sessions": len(self._calls) + len(self._reception.callless),
            "max_sessions": self._settings.max_sessions,
            "stages": self._workers.summary(),
            "protocols": sorted(
                protocol.name if protocol.port else protocol.path
                for protocol in PROTOCOLS
                if not protocol.port or protocol.port_in(self._settings) is not None
            ),
        }
