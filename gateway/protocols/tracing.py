"""The trace that a client's call belongs to, as the client says it: W3C Trace Context.

https://www.w3.org/TR/trace-context/
"""

import re
from dataclasses import dataclass

from gateway.protocols.api import Request

_VERSION_0 = re.compile(r"00-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})")
_LATER = re.compile(r"(?!ff)[0-9a-f]{2}" + _VERSION_0.pattern[2:] + r"(?:-[\x21-\x7e]*)?")
"""Versions to come may append fields; version ff is invalid (3.2.2.1)."""
_SAMPLED = 1
_LONGEST_STATE = 512
"""Characters of `tracestate` that are passed on at least (3.3.1.5); a longer one is dropped."""
_STATE = re.compile(r"[\x20-\x7e\t]*")


@dataclass(frozen=True, slots=True)
class Parent:
    """The client's span: trace and span in hexadecimal digits, and `tracestate` as it came."""

    trace: str
    span: str
    sampled: bool
    state: str = ""


def parent_of(request: Request) -> Parent | None:
    """Return the span that a handshake names; None if it names none, or none that can be read.

    Browsers cannot set headers of a WebSocket, so parameters of the same names count, too.
    """
    said = _given(request, "traceparent")
    if len(said) != 1:
        return None
    match = _VERSION_0.fullmatch(said[0])
    if match is None and not said[0].startswith("00"):
        match = _LATER.fullmatch(said[0])
    if match is None or not int(match["trace"], 16) or not int(match["span"], 16):
        return None
    state = ",".join(_given(request, "tracestate"))
    if len(state) > _LONGEST_STATE or not _STATE.fullmatch(state):
        state = ""
    return Parent(match["trace"], match["span"], bool(int(match["flags"], 16) & _SAMPLED), state)


def _given(request: Request, name: str) -> list[str]:
    values = request.headers.get(name) or request.query.get(name) or ()
    return [value.strip() for value in values]
