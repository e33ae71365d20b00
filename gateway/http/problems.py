"""Errors of HTTP requests, as the JSON that our own resources and public APIs answer with."""

import json
from collections.abc import Collection
from http import HTTPStatus

from aiohttp import web

from gateway.files import deepgram, openai

_API = "/v1/"
"""Where clients of OpenAI and Deepgram ask, with all paths of theirs: they read no plain text."""
_DEEPGRAM = ("/v1/listen", "/v1/projects", "/v1/auth", "/v1/keys", "/v1/speak", "/v1/read")


def bad_request(code: str, message: str) -> web.HTTPException:
    """Return the error for a request that cannot be carried out; `code` is for programs."""
    return web.HTTPBadRequest(text=problem(code, message), content_type="application/json")


def forbidden(code: str, message: str) -> web.HTTPException:
    """Return the error for a request that this client may not make."""
    return web.HTTPForbidden(text=problem(code, message), content_type="application/json")


def unknown_call(name: str) -> web.HTTPException:
    """Return the error for a call that Redis does not hold."""
    text = f"no call is known by {name[:128]!a}, or it has been over for too long"
    return web.HTTPNotFound(text=problem("unknown_session", text), content_type="application/json")


def no_such_path(path: str, known: Collection[str]) -> web.HTTPException:
    """Return the error for a path that nothing is at."""
    text, kind = _told(path, HTTPStatus.NOT_FOUND, f"there are {_listed(known)}")
    return web.HTTPNotFound(text=text, content_type=kind)


def wrong_method(path: str, method: str, allowed: Collection[str]) -> web.HTTPException:
    """Return the error for a method that a path does not have."""
    said = f"{method} is not answered here, but {_listed(allowed)}"
    text, kind = _told(path, HTTPStatus.METHOD_NOT_ALLOWED, said)
    return web.HTTPMethodNotAllowed(method, allowed, text=text, content_type=kind)


def no_handshake(path: str) -> web.Response:
    """Return the answer to a plain request where WebSockets are opened."""
    status = HTTPStatus.UPGRADE_REQUIRED
    text, kind = _told(path, status, "this is for WebSocket clients: a handshake is expected")
    upgrade = {"Upgrade": "websocket"}
    return web.Response(status=status, headers=upgrade, text=text, content_type=kind)


def _told(path: str, status: HTTPStatus, text: str) -> tuple[str, str]:
    """Return the body for a path, in the form that its clients read, and its type."""
    if not path.startswith(_API):
        return f"{text}\n", "text/plain"
    code = status.phrase.lower().replace(" ", "_")
    refuse = deepgram.refuse if path.startswith(_DEEPGRAM) else openai.refuse
    answer = refuse(status, code, text)
    return answer.body.decode(), answer.content_type


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names))


def problem(code: str, message: str) -> str:
    """Return an error as JSON."""
    return json.dumps({"error": {"code": code, "message": message}})
