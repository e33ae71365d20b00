"""The last open files of a gateway are for probes: they tell whether it lives, also when full."""

import asyncio
import resource

from common.telemetry.logs import Log

_RESERVE = 32
_PROBES = (b"GET /health ", b"GET /ready ", b"GET /metrics ")

_log = Log(__name__)


class Descriptors:
    """Tells which sockets are among the last that this process may open.

    The kernel gives a new socket the lowest number that is free, so the number tells how many are
    taken.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if limit is None else limit
        self._reserve = min(_RESERVE, self._limit // 4)
        self._scarce = False

    def scarce(self, transport: asyncio.BaseTransport) -> bool:
        """Tell whether a new socket may serve probes only. Each episode is in the log."""
        if self._limit == resource.RLIM_INFINITY:
            return False
        left = self._limit - int(transport.get_extra_info("socket").fileno())
        scarce = left <= self._reserve
        if scarce and not self._scarce:
            _log.error("process.no_descriptors", limit=self._limit, kept=self._reserve)
            self._scarce = True
        elif self._scarce and left > self._reserve + self._reserve // 2:
            _log.info("process.descriptors_free", limit=self._limit)
            self._scarce = False
        return scarce


def is_probe(head: bytes) -> bool:
    """Tell whether the head of a request asks for a page that probes need."""
    return head.startswith(_PROBES)
