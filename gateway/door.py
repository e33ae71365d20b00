"""The handshake: who is sent away before anything else is done for him, and why."""

from collections import defaultdict
from collections.abc import Coroutine, Iterable
from http import HTTPStatus

from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from common.telemetry.metrics import GatewayMetrics
from gateway.capacity import Refusal
from gateway.fleet import Fleet
from gateway.quota import Quota, caller

_COMES_BACK = "resume=1"
"""What a client adds to its URL that is about to resume: its call has its place already."""

_TOO_MANY = "key_sessions"
"""The refusal that is the caller's own doing."""


def path(request: Request) -> str:
    """Return the path of the URL that is asked for."""
    return request.path.partition("?")[0]


def comes_back(request: Request) -> bool:
    """Tell whether the client is one that comes back to its call."""
    return _COMES_BACK in request.path.partition("?")[2].split("&")


class Door:
    """Lets connections of one gateway in, at most `most` at once, and keeps count of them.

    A call that is let in counts as one leg until it has said more of itself: `Fleet.admit`, under
    the name that it came in by.
    """

    def __init__(
        self, fleet: Fleet, metrics: GatewayMetrics, *, most: int, quota: Quota | None
    ) -> None:
        self._fleet = fleet
        self._metrics = metrics
        self._most = most
        self._quota = quota
        self._keys: dict[str, str] = {}
        """Whose calls are whose, where that counts."""
        self._strangers: set[str] = set()
        self.closed = False
        """Whether the gateway is about to end."""

    def close(self) -> None:
        """Let nobody in any more."""
        self.closed = True

    def answer(
        self, call: str, request: Request, address: str, present: int
    ) -> Response | Coroutine[None, None, Response | None] | None:
        """Answer a handshake; None lets it go on. Only where keys are counted is Redis asked.

        `call`: its name from here on. `address`: the peer's. `present`: clients already there.
        """
        returning = comes_back(request)
        refusal = self._refusal(call, present, comes_back=returning)
        if refusal is not None:
            return self._turn_away(refusal)
        if self._quota is None:
            return None
        key = caller(request.headers, address)
        if not returning:
            return self._count(self._quota, call, key)
        self._keys[call] = key
        return None

    def rename(self, call: str, known_as: str) -> None:
        """Take note that a connection has resumed a call: it counts as that from now on."""
        if (key := self._keys.pop(call, None)) is not None:
            self._keys[known_as] = key

    async def renew(self, calls: Iterable[str]) -> None:
        """Keep all calls of this gateway counted; every ten seconds. Waits while Redis is away."""
        if self._quota is None:
            return
        by_key: defaultdict[str, list[str]] = defaultdict(list)
        here = set(calls)
        for call in here & self._keys.keys():
            by_key[self._keys[call]].append(call)
        # A handshake that broke off after it was answered never became a call.
        strangers = self._keys.keys() - here
        for call in strangers & self._strangers:
            del self._keys[call]
        self._strangers = strangers
        await self._quota.renew(by_key)

    async def leave(self, call: str) -> None:
        """Count a call no longer. Waits while Redis is away."""
        self._fleet.discount(call)
        key = self._keys.pop(call, None)
        if self._quota is not None and key is not None:
            await self._quota.release(key, call)

    def _refusal(self, call: str, present: int, *, comes_back: bool) -> Refusal | None:
        if self.closed:
            return Refusal("draining", 1, "the server is about to end")
        if comes_back:
            return None
        if present >= self._most:
            return Refusal("max_sessions", 5, f"all {self._most} calls are taken")
        refusal = self._fleet.refusal(1)
        if refusal is None:
            self._fleet.count(call, 1)
        return refusal

    async def _count(self, quota: Quota, call: str, key: str) -> Response | None:
        refusal = await quota.take(key, call)
        if refusal is not None:
            self._fleet.discount(call)
            return self._turn_away(refusal)
        self._keys[call] = key
        return None

    def _turn_away(self, refusal: Refusal) -> Response:
        self._metrics.refusals.labels(refusal.reason).inc()
        own_doing = refusal.reason == _TOO_MANY
        status = HTTPStatus.TOO_MANY_REQUESTS if own_doing else HTTPStatus.SERVICE_UNAVAILABLE
        headers = Headers(
            [
                ("Content-Type", "text/plain; charset=utf-8"),
                ("Content-Length", str(len(body := f"refused: {refusal.reason}\n".encode()))),
                ("Retry-After", str(refusal.retry_after)),
                ("Connection", "close"),
            ]
        )
        return Response(status, status.phrase, headers, body)
