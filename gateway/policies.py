"""What the settings say of whom to trust, read by the packages that will enforce it.

They need the gateway's own libraries, which the settings do not: any service may load those.
"""

import importlib.util
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

from prometheus_client import Counter

from common.errors import SettingsError
from common.pipeline.access import check_tenant
from common.redis.link import Link
from gateway.access.authority import Authority
from gateway.access.origins import Origins
from gateway.admission.forwarded import TrustedProxies
from gateway.calls.store import RECORDINGS, SessionStore
from gateway.recordings.form import PlannedRecordings
from gateway.recordings.sink import Recordings
from gateway.settings import GatewaySettings
from gateway.sinks.metrics import SinkMetrics
from gateway.sinks.rules import Planned, planned
from gateway.sinks.sink import Sink
from gateway.sinks.storage import Unavailable
from gateway.sinks.tally import Tally
from gateway.webhooks.rules import WebhookRules
from gateway.webhooks.sink import Webhooks

_OTLP = "opentelemetry.exporter.otlp.proto.http"


@dataclass(frozen=True, slots=True)
class Policies:
    """Whose tokens, pages, proxies and handshakes count, and where results go."""

    authority: Authority | None
    """What checks JSON Web Tokens."""
    twilio_auth_token: bytes | None
    origins: Origins
    proxies: TrustedProxies
    webhooks: WebhookRules
    sinks: Sequence[Planned]
    recordings: PlannedRecordings | None

    @classmethod
    def of(cls, settings: GatewaySettings) -> Self:
        """Read the settings and the files that they name. SettingsError names a flag."""
        _port_tenant(settings)
        _collector(settings)
        return cls(
            authority=_authority(settings),
            twilio_auth_token=_twilio_auth_token(settings),
            origins=_origins(settings),
            proxies=_proxies(settings),
            webhooks=_webhooks(settings),
            sinks=_sinks(settings),
            recordings=_recordings(settings),
        )

    def store(self, link: Link, gateway: str) -> SessionStore:
        """Return the sessions in Redis, whose results go to these sinks."""
        return SessionStore(
            link,
            gateway,
            [each.name for each in self.sinks],
            records=self.recordings is not None,
            webhook=bool(self.webhooks.url),
        )

    def all_sinks(
        self, settings: GatewaySettings, metrics: SinkMetrics, link: Link
    ) -> Iterator[Sink]:
        """Return those that get every call, the recordings, and what brings calls to their URLs."""
        for each in self.sinks:
            tally = Tally(partial(_count, metrics.sinks.labels, each.name))
            yield each.build(tally, settings.sinks_keep_s)
        if self.recordings is not None:
            tally = Tally(partial(_count, metrics.sinks.labels, RECORDINGS))
            yield Recordings(self.recordings, link, tally, settings.sinks_keep_s)
        if self.webhooks.active:
            tally = Tally(partial(_count, metrics.webhooks.labels))
            yield Webhooks(self.webhooks, tally, settings.webhook_keep_s)


async def unreachable(settings: GatewaySettings) -> list[str]:
    """Return which sinks take nothing now, and why."""
    problems = []
    for each in _sinks(settings):
        sink = each.build(Tally(lambda outcome: None), 0.0)
        async with sink.opened():
            if (reason := await sink.check()) is not None:
                problems.append(f"--sinks: {each.name}: {reason}")
    if (recordings := _recordings(settings)) is not None:
        storage = recordings.storage()
        async with storage.opened():
            try:
                await storage.check()
            except Unavailable as error:
                problems.append(f"--recordings: {error}")
    return problems


def _count(labels: Callable[..., Counter], *values: str) -> None:
    labels(*values).inc()


def _authority(settings: GatewaySettings) -> Authority | None:
    try:
        return Authority.given(
            settings.jwt_secret_file,
            settings.jwt_public_key_file,
            settings.jwt_jwks_file,
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
            tenant=settings.jwt_tenant,
        )
    except ValueError as error:
        raise SettingsError(str(error)) from None


def _twilio_auth_token(settings: GatewaySettings) -> bytes | None:
    path = settings.twilio_auth_token_file
    if path is None:
        return None
    try:
        token = path.read_bytes().strip()
    except OSError as error:
        raise SettingsError(f"--twilio-auth-token-file: {error}") from None
    if not token:
        raise SettingsError(f"--twilio-auth-token-file: {path} is empty")
    return token


def _origins(settings: GatewaySettings) -> Origins:
    try:
        return Origins.parse(settings.allowed_origins or "")
    except ValueError as error:
        raise SettingsError(f"--allowed-origins: {error}") from None


def _proxies(settings: GatewaySettings) -> TrustedProxies:
    try:
        return TrustedProxies.parse(settings.trusted_proxies or "")
    except ValueError as error:
        raise SettingsError(f"--trusted-proxies: {error}") from None


def _webhooks(settings: GatewaySettings) -> WebhookRules:
    try:
        return WebhookRules.parse(
            settings.webhook_url or "",
            settings.webhook_hosts or "",
            settings.webhook_networks or "",
            settings.webhook_secret_file,
        )
    except ValueError as error:
        raise SettingsError(str(error)) from None


def _sinks(settings: GatewaySettings) -> Sequence[Planned]:
    path = settings.sinks_file
    try:
        lines = path.read_text().splitlines() if path is not None else []
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"--sinks-file: {error}") from None
    try:
        return planned(",".join(each for each in (settings.sinks or "", *lines) if each.strip()))
    except ValueError as error:
        raise SettingsError(str(error)) from None


def _recordings(settings: GatewaySettings) -> PlannedRecordings | None:
    if settings.record and not settings.recordings:
        raise SettingsError("--record: only with --recordings")
    try:
        return PlannedRecordings.parse(settings.recordings) if settings.recordings else None
    except ValueError as error:
        raise SettingsError(str(error)) from None


def _port_tenant(settings: GatewaySettings) -> None:
    if settings.port_tenant is not None:
        try:
            check_tenant(settings.port_tenant)
        except ValueError as error:
            raise SettingsError(f"--port-tenant: {error}") from None


def _collector(settings: GatewaySettings) -> None:
    url = settings.otlp_endpoint
    if url is None:
        return
    if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", url):
        raise SettingsError(f"--otlp-endpoint: {url!r} is not a URL with http or https")
    if not _installed(_OTLP):
        raise SettingsError(
            "--otlp-endpoint: OpenTelemetry is not installed: pip install 'callscribe[otel]'"
        )


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # not even the package that it would be in
        return False


CHECKS: tuple[Callable[[GatewaySettings], object], ...] = (
    _authority,
    _twilio_auth_token,
    _origins,
    _proxies,
    _webhooks,
    _sinks,
    _recordings,
    _port_tenant,
    _collector,
)
"""Each raises SettingsError for its own part, so that all that is wrong can be told."""
