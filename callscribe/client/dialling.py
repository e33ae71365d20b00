"""Opening one connection of a call, and the meaning of its end."""

import asyncio
import json
import os
import re
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import websockets.asyncio.client as ws
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidProxy,
    InvalidStatus,
    InvalidURI,
)
from websockets.uri import parse_uri

from callscribe.client.errors import (
    Disconnected,
    GoingAway,
    Refused,
    ResumedElsewhere,
    ServerError,
    SessionLost,
    WrongAddress,
)
from callscribe.client.messages import Created, Error, parse_object
from callscribe.errors import CallscribeError, SettingsError

# RFC 6455, 7.4.1, and its registry.
_NORMAL_CLOSURE = 1000
_ABNORMAL_CLOSURE = 1006
_INTERNAL_ERROR = 1011
_SERVICE_RESTART = 1012
_TRY_AGAIN_LATER = 1013
_PASSING = (1001, 1005, _ABNORMAL_CLOSURE, _INTERNAL_ERROR, 1014)
"""Going away, no code, abnormal closure, internal error, bad gateway: no objection to what was
sent. Servers' WebSocket libraries also send 1011 to a client that answers no ping."""

_NO_SUCH_CALL = ("resume_unknown", "session_lost")

PASSING_ERRORS = ("going_away", "unavailable", "at_capacity", "internal_error")
"""Codes of errors that end a connection but allow resuming."""

_RETRY_AFTER = 5.0
"""Seconds to wait after a refusal that did not say how long."""
CLOSE_TIMEOUT = 2.0
"""Seconds that a server has to answer a close."""
# RFC 9110, 5.1 and 5.5, ASCII only.
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[!-~]([ -~]*[!-~])?")
DENIALS = (401, 403)
"""HTTP statuses that mean the key."""
_DENIED = re.compile(r"refused: (\w+): (.+)")
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def check_url(url: str) -> None:
    """Raise SettingsError unless this is a `ws://` or `wss://` URL."""
    try:
        parse_uri(url).host.encode("idna")
    except (InvalidURI, ValueError) as error:  # the latter: an impossible port or host
        raise SettingsError(f"{url} is no ws:// or wss:// URL") from error


def handshake_headers(headers: Mapping[str, str], api_key: str | None) -> dict[str, str]:
    """Return the headers of every handshake; a key goes as a bearer token.

    Raises SettingsError, without the value, for a header that HTTP cannot carry and for two keys.
    """
    sent = dict(headers)
    if api_key is not None:
        if any(name.lower() == "authorization" for name in headers):
            raise SettingsError("give an API key or an Authorization header, not both")
        sent["Authorization"] = f"Bearer {api_key}"
    for name, value in sent.items():
        if not _HEADER_NAME.fullmatch(name):
            raise SettingsError(f"{name!a} is not a header name")
        if not _HEADER_VALUE.fullmatch(value):
            raise SettingsError(f"{name}: the value is empty, or is not printable ASCII")
    return sent


def resuming(url: str) -> str:
    """Return the URL with the flag that lets a resumed call skip admission at the handshake."""
    parts = urlsplit(url)
    query = f"{parts.query}&resume=1" if parts.query else "resume=1"
    return urlunsplit(parts._replace(query=query))


async def dial(
    url: str,
    config: Mapping[str, Any],
    *,
    tls: ssl.SSLContext | None,
    timeout: float,
    headers: Mapping[str, str] | None = None,
) -> tuple[ws.ClientConnection, Created]:
    """Connect, send the config and wait for `session_created`, all within `timeout` seconds.

    `headers` come from `handshake_headers`; after a redirect to another host Authorization is left
    out. Raises Refused, Disconnected or ServerError (WrongAddress if no call server answers, or one
    whose certificate is not trusted; `code` says what is wrong with the key). A failed or cancelled
    attempt leaves nothing open.
    """
    try:
        async with asyncio.timeout(timeout):
            connection = await _connect(url, tls, headers)
            try:
                return connection, await _begin(connection, config)
            except BaseException:
                connection.transport.abort()
                raise
    except TimeoutError:
        raise Disconnected(f"{url} did not begin the call in {timeout:g} s") from None


async def _begin(connection: ws.ClientConnection, config: Mapping[str, Any]) -> Created:
    said: Error | None = None
    with suppress(ConnectionClosed):  # closed already: earlier messages say why
        await connection.send(json.dumps({"type": "config", **config}))
    try:
        while True:
            wire = parse_object(await connection.recv())
            if wire.get("type") == "session_created":
                return Created.from_wire(wire)
            if wire.get("type") == "error":
                said = Error.from_wire(wire)
    except ConnectionClosed as closed:
        failure = closing_error(closed, said)
        if failure is None:
            failure = Disconnected("the server closed the connection before the call began")
        raise failure from closed


async def _connect(
    url: str, tls: ssl.SSLContext | None, headers: Mapping[str, str] | None
) -> ws.ClientConnection:
    parts = urlsplit(url)
    try:
        return await ws.connect(
            url,
            ssl=(tls or True) if parts.scheme == "wss" else None,
            additional_headers=headers,
            compression=None,  # PCM does not compress: it would only cost processor time
            proxy=None if parts.hostname in LOOPBACK else True,
            open_timeout=None,
            close_timeout=CLOSE_TIMEOUT,
            ping_interval=None,  # Line does it: the library's stops once a send blocks
        )
    except InvalidStatus as error:
        raise rejection(url, error) from error
    except ssl.SSLCertVerificationError as error:
        # Only OpenSSL's own have the attribute, which is their message without its place in C.
        reason = getattr(error, "verify_message", error.strerror)
        text = f"{url} is not trusted: {reason}"
        raise WrongAddress("untrusted_certificate", text) from error
    except (OSError, InvalidHandshake, InvalidProxy) as error:
        raise Disconnected(f"cannot reach {url}: {_reason(error)}") from error
    except (InvalidURI, ValueError) as error:  # not of `url` itself, which was checked
        text = f"{url} leads to no call endpoint: {error}"
        raise WrongAddress("http_redirect", text) from error


def closing_error(closed: ConnectionClosed, said: Error | None) -> CallscribeError | None:
    """Return the error that the end of a connection means, None for an orderly end.

    `said` is the server's last error. After a fatal one the server closes with its code as reason.
    """
    code = closed.rcvd.code if closed.rcvd is not None else _ABNORMAL_CLOSURE
    reason = closed.rcvd.reason if closed.rcvd is not None else ""
    if code == _NORMAL_CLOSURE:
        return None
    fatal = said if said is not None and reason in ("", said.code) else None
    word = fatal.code if fatal else reason
    text = fatal.message if fatal else reason
    if word in _NO_SUCH_CALL:
        return SessionLost(word, text)
    if word == "resumed_elsewhere":
        return ResumedElsewhere(word, text)
    if code == _TRY_AGAIN_LATER:
        text = text or "the server refuses the call for now"
        asked = fatal.retry_after if fatal else None
        wait = _RETRY_AFTER if asked is None else asked
        return Refused(text, reason=word or "at_capacity", retry_after=wait)
    if code == _SERVICE_RESTART:
        return GoingAway(f"the server closed the call to have it resumed: {text or f'code {code}'}")
    final = code == _INTERNAL_ERROR and fatal is not None and fatal.code not in PASSING_ERRORS
    # A client that was suspended read too slowly; now it does not.
    if (code in _PASSING and not final) or word == "slow_consumer":
        return Disconnected(f"the connection to the server broke: {text or f'code {code}'}")
    return ServerError(word or f"closed_{code}", text or "the server ended the call")


def _reason(error: Exception) -> str:
    if not isinstance(error, OSError) or isinstance(error, ssl.SSLError | TimeoutError):
        return str(error)
    if isinstance(error, socket.gaierror):
        return "no such host"
    # asyncio joins the errors of a host's addresses into one without a number.
    return os.strerror(error.errno).lower() if error.errno else "none of its addresses answers"


def rejection(url: str, error: InvalidStatus) -> CallscribeError:
    """Return the error that an HTTP answer in place of the handshake means."""
    status = error.response.status_code
    said = _DENIED.match(bytes(error.response.body or b"").decode(errors="replace"))
    if status in DENIALS and said:
        return ServerError(said[1], said[2])
    if status not in (429, 503):
        if status >= 500:  # from a proxy without a server behind it
            return Disconnected(f"cannot reach {url}: HTTP {status}")
        return WrongAddress(f"http_{status}", f"{url} is not a call endpoint")
    asked = error.response.headers.get("Retry-After", "")
    return Refused(
        f"{url} accepts no calls now (HTTP {status})",
        reason=f"http_{status}",
        retry_after=float(asked) if asked.isdecimal() else _RETRY_AFTER,
    )
