"""The page for people at `/`: files that `make web` has built, kept in memory."""

import gzip
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from aiohttp import web

_INDEX = "index.html"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".wav": "audio/wav",
}
_COMPRESSED = {".html", ".js", ".css", ".svg"}
# Everything comes from the gateway itself: the page works without any other network. Nothing is
# inline, so a transcript that looks like markup cannot become a script.
_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob:; media-src 'self' blob:; connect-src 'self'; worker-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self)",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    compressed: bytes | None
    etag: str
    content_type: str


PATHS = ("/", "/static/index.html", "/page/{name}")


def routes() -> list[web.AbstractRouteDef]:
    """Return the routes of the page and of everything that it loads."""
    found = _read(files(__package__) / "assets", "")

    async def index(request: web.Request) -> web.StreamResponse:
        return _answer(request, found[_INDEX])

    async def moved(request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("../")

    async def asset(request: web.Request) -> web.StreamResponse:
        name = f"page/{request.match_info['name']}"
        if name not in found:
            raise web.HTTPNotFound(text="the page has no such file\n")
        return _answer(request, found[name])

    return [
        web.get(path, handler) for path, handler in zip(PATHS, (index, moved, asset), strict=True)
    ]


def _read(folder: Traversable, prefix: str) -> dict[str, _File]:
    found: dict[str, _File] = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            found |= _read(entry, f"{prefix}{entry.name}/")
        elif (suffix := f".{entry.name.rpartition('.')[2]}") in _TYPES:
            body = entry.read_bytes()
            compressed = gzip.compress(body, mtime=0) if suffix in _COMPRESSED else None
            etag = hashlib.sha256(body).hexdigest()[:16]
            found[prefix + entry.name] = _File(body, compressed, etag, _TYPES[suffix])
    return found


def _answer(request: web.Request, file: _File) -> web.StreamResponse:
    headers = {**_HEADERS, "ETag": f'"{file.etag}"', "Content-Type": file.content_type}
    if any(tag.value == file.etag for tag in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    if file.compressed is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return web.Response(body=file.compressed, headers=headers)
    return web.Response(body=file.body, headers=headers)
