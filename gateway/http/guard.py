"""Asks the gate about every HTTP request, before anything else is done for it."""

from collections.abc import Collection

from aiohttp import web

from common.telemetry.metrics import GatewayMetrics
from gateway.access.gate import Denied, Gate
from gateway.access.origins import Origins
from gateway.access.principal import Principal
from gateway.access.rules import AT_ADMIN_PORT, NEEDS, Need, is_for_operators, need_of
from gateway.admission.forwarded import TrustedProxies
from gateway.http.problems import problem
from gateway.http.site import PAGE, Handler
from gateway.protocols.api import by_name

WHO = web.RequestKey("who", Principal)
"""Who makes a request, in each that has passed."""


OPERATORS = frozenset(path for at, path in AT_ADMIN_PORT if NEEDS.get((at, path)) is Need.ADMIN)
"""What `--admin-port` takes off the public port."""


_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, DELETE",
    "Access-Control-Allow-Headers": "Authorization, X-Api-Key, Content-Type, Last-Event-ID",
    "Access-Control-Max-Age": "600",
}


class Guard:
    """`elsewhere`: paths that another port serves, for operators."""

    def __init__(
        self,
        gate: Gate,
        proxies: TrustedProxies,
        metrics: GatewayMetrics,
        elsewhere: Collection[str] = (),
    ) -> None:
        self._gate = gate
        self._proxies = proxies
        self._metrics = metrics
        self._elsewhere = elsewhere

    @web.middleware
    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Carry out a request if it may be; an allowed page may read the answer."""
        headers = by_name(request.headers.items())
        if page := self._gate.page_of(headers):
            request[PAGE] = page
            if request.method == "OPTIONS" and "access-control-request-method" in headers:
                return web.Response(status=204, headers=_PREFLIGHT)
        resource = request.match_info.route.resource
        if resource is None:
            return await handler(request)  # which answers that there is no such path
        if resource.canonical in self._elsewhere:
            raise web.HTTPNotFound(text="this is for operators, at the port of --admin-port\n")
        address = self._proxies.client_by(request.remote or "", headers)
        try:
            need = need_of(request.method, resource.canonical)
            request[WHO] = self._gate.admit(need, headers, address)
            return await handler(request)
        except Denied as denied:
            self._metrics.refusals.labels(denied.code).inc()
            return web.Response(
                status=denied.status,
                text=problem(denied.code, denied.message),
                content_type="application/json",
                headers=denied.headers,
            )


class OperatorsGuard:
    """`here`: only this machine reaches the port, so no other machine's name may lead to it."""

    def __init__(self, *, here: bool) -> None:
        self._here = here

    @web.middleware
    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Carry out a request at the operators' port if the table of that port has it."""
        if self._here and not Origins().expects(by_name(request.headers.items())):
            raise web.HTTPForbidden(text="this port answers as localhost alone (--admin-host)\n")
        resource = request.match_info.route.resource
        if resource is not None and not is_for_operators(request.method, resource.canonical):
            raise web.HTTPForbidden(text="nobody may do this\n")
        return await handler(request)
