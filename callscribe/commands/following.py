"""Calls of others over HTTP: which there are, and what is said in one, as server-sent events.

docs/calls.md describes what the server promises.
"""

import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPSHandler, OpenerDirector, ProxyHandler, Request, build_opener

from callscribe.client.dialling import DENIALS, LOOPBACK, handshake_headers
from callscribe.client.errors import Disconnected, ServerError, WrongAddress
from callscribe.commands.server_flags import Server
from common.errors import CallscribeError, SettingsError

PATIENCE_S = 60.0
"""Seconds without a server after which a reader gives up."""
_SILENT_S = 60.0
"""Seconds without a byte after which a connection counts as broken; a server sends some in 15 s."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 5.0
_NO_CONTENT, _BAD_REQUEST, _TOO_MANY, _BROKEN = 204, 400, 429, 500

Message = Mapping[str, Any]


def running(server: Server) -> list[Message]:
    """Return the running calls; raises what `resource` does."""
    sessions: list[Message] = resource(server, "/v1/sessions", "sessions")["sessions"]
    return sessions


def resource(server: Server, path: str, field: str) -> Message:
    """Return the JSON object at a path, which has a field, from the first server that answers.

    Raises Disconnected if none does, ServerError for a server that refuses.
    """
    failure: CallscribeError = Disconnected("no URL")
    for url in server.urls:
        try:
            with _open(server, f"{_base(url)}{path}", {}) as answer:
                found: Message = json.load(answer)
            found[field]
            return found
        except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
            failure = _failure(url, error)
    raise failure


def follow(
    server: Server, call: str, place: str, tell: Callable[[str], None]
) -> Iterator[tuple[str, Message]]:
    """Yield the messages of all calls of a name until they have ended, each with its JSON text.

    `place` says what the reader has already, as the server's ids do; "0" is nothing. A connection
    that breaks is opened again behind the last id, at the next URL, and `tell` gets a line. Some
    messages come twice then. Raises Disconnected after `PATIENCE_S` without a server, or
    immediately where none ever answered, SettingsError for a place that is none, ServerError for a
    call that the server does not know, and when it refuses.
    """
    turn, ever, lost, pause = 0, False, time.monotonic(), _FIRST_PAUSE_S
    while True:
        url, connected, told = server.urls[turn % len(server.urls)], False, False
        try:
            target = f"{_base(url)}/v1/sessions/{quote(call, safe='')}/events"
            with _open(server, target, {"Last-Event-ID": place}) as answer:
                if answer.status == _NO_CONTENT:
                    return
                connected = ever = True
                for latest, text in _events(answer, place):
                    place, told, pause = latest, True, _FIRST_PAUSE_S
                    yield text, json.loads(text)
            if told:
                continue  # the next answer says whether all has been told
            failure: CallscribeError = Disconnected(f"{url} tells nothing")
        except (OSError, HTTPException, ValueError) as error:
            failure = _failure(url, error)
        lost = time.monotonic() if connected else lost
        turn += 1
        hopeless = not ever and turn >= len(server.urls)
        if hopeless or not isinstance(failure, Disconnected) or _too_long(lost):
            raise failure
        tell(f"{failure}; trying again")
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_S)


def _too_long(lost: float) -> bool:
    return time.monotonic() - lost > PATIENCE_S


def _events(answer: HTTPResponse, place: str) -> Iterator[tuple[str, str]]:
    """Yield id and data of each event; an event that breaks off is none."""
    data = ""
    for line in answer:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name == "id":
            place = value
        elif name == "data":
            data = value
        elif not name and data:
            yield place, data
            data = ""


def _open(server: Server, url: str, headers: Mapping[str, str]) -> HTTPResponse:
    request = Request(url, headers=dict(headers))
    for name, value in handshake_headers({}, server.api_key).items():
        request.add_unredirected_header(name, value)
    answer: HTTPResponse = _opener(server, url).open(request, timeout=_SILENT_S)
    return answer


def _opener(server: Server, url: str) -> OpenerDirector:
    direct = [ProxyHandler({})] if urlsplit(url).hostname in LOOPBACK else []
    return build_opener(HTTPSHandler(context=server.tls), *direct)


def _base(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError(f"{url} is no http:// or https:// URL")
    return url.rstrip("/")


def _failure(url: str, error: Exception) -> CallscribeError:
    """Return what an error of one request means."""
    if not isinstance(error, HTTPError):
        reason = getattr(error, "reason", error)  # urllib wraps those of the socket
        if isinstance(reason, ssl.SSLCertVerificationError):
            return WrongAddress("untrusted_certificate", f"{url} is not trusted: {reason}")
        return Disconnected(f"cannot read from {url}: {reason}")
    with error:
        code, said = _said(error)
    if error.code in DENIALS and code:
        return ServerError(code, said)
    if error.code == _TOO_MANY or error.code >= _BROKEN:
        return Disconnected(f"{url}: {said} (HTTP {error.code})")
    if error.code == _BAD_REQUEST:
        return SettingsError(f"{said} (HTTP {error.code})")
    return ServerError(f"http_{error.code}", f"{url}: {said}")


def _said(error: HTTPError) -> tuple[str, str]:
    """Return code and message of a server of ours, "" and the text of another."""
    text = error.read(1000).decode(errors="replace").strip()
    try:
        said = json.loads(text)["error"]
        return str(said["code"]), str(said["message"])
    except (ValueError, KeyError, TypeError):
        return "", text or str(error.reason)
