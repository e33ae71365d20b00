"""Errors of HTTP requests, as the JSON that our own resources answer with."""

import json

from aiohttp import web


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


def problem(code: str, message: str) -> str:
    """Return an error as JSON."""
    return json.dumps({"error": {"code": code, "message": message}})
