"""The one table of every path of the gateway, and what it needs; one more for operators. Pure.

A path that is not in the table of its port is refused to all, so that none is ever served without
a decision. A WebSocket handshake of any protocol needs `HANDSHAKE`, on whichever port.
"""

from enum import Enum

from gateway.protocols import PROTOCOLS


class Need(Enum):
    """What a request needs: nothing, or a key with this scope."""

    NOTHING = ""
    TRANSCRIBE = "transcribe"
    READ = "read"
    ADMIN = "admin"


_CALL = "/v1/sessions/{id}"

NEEDS: dict[tuple[str, str], Need] = {
    ("GET", "/"): Need.NOTHING,
    ("GET", "/page/{name}"): Need.NOTHING,
    ("GET", "/static/index.html"): Need.NOTHING,
    ("GET", "/health"): Need.NOTHING,
    ("GET", "/ready"): Need.NOTHING,
    ("GET", "/certificate"): Need.NOTHING,
    ("GET", "/health/extended"): Need.ADMIN,
    ("GET", "/ws/status"): Need.ADMIN,
    ("GET", "/metrics"): Need.ADMIN,
    ("GET", "/v1/access"): Need.NOTHING,
    ("GET", "/v1/sessions"): Need.READ,
    ("GET", _CALL): Need.READ,
    ("DELETE", _CALL): Need.TRANSCRIBE,
    ("GET", f"{_CALL}/erasure"): Need.READ,
    ("GET", f"{_CALL}/events"): Need.READ,
    ("GET", f"{_CALL}/transcript"): Need.READ,
    ("GET", f"{_CALL}/trace"): Need.READ,
    ("GET", "/v1/usage"): Need.READ,
    ("POST", "/v1/tokens"): Need.TRANSCRIBE,
    ("GET", "/v3/token"): Need.TRANSCRIBE,
    ("POST", "/transcribe"): Need.TRANSCRIBE,
    ("POST", "/v1/audio/transcriptions"): Need.TRANSCRIBE,
    ("POST", "/v1/listen"): Need.TRANSCRIBE,
    # Without a handshake these only answer that one is expected.
    **{("GET", each.path): Need.NOTHING for each in PROTOCOLS if each.path},
}

HANDSHAKE = Need.TRANSCRIBE

AT_ADMIN_PORT: dict[tuple[str, str], str] = {
    ("GET", "/health"): "a probe has no key",
    ("GET", "/ready"): "a probe has no key",
    ("GET", "/certificate"): "every connection shows it anyway",
    ("GET", "/health/extended"): "it has figures of the process, and names no call",
    ("GET", "/ws/status"): "it has counts, and names no call",
    ("GET", "/metrics"): "Prometheus has no key; counts and times alone are there",
    ("POST", "/v1/drain"): "it is for one who may not signal the process, and shows no call",
}
"""What `--admin-port` answers to all who reach it, and why reaching it is enough."""


def need_of(method: str, path: str) -> Need | None:
    """Return what a request needs; `path` with names in place of what varies. None: not served."""
    return NEEDS.get(_entry(method, path))


def is_for_operators(method: str, path: str) -> bool:
    """Tell whether the port for operators serves this; `path` as for `need_of`."""
    return _entry(method, path) in AT_ADMIN_PORT


def _entry(method: str, path: str) -> tuple[str, str]:
    return ("GET" if method == "HEAD" else method, path)
