"""Reads a file out of the body of a request, whatever its sender does."""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from concurrent.futures import Executor
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import parse_qs

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError

from gateway.files.refusal import FileRefused, bad_request
from gateway.files.spool import Spool
from gateway.files.transcript import Fields, Form

_IDLE_S = 10.0
"""Seconds that a sender may pause."""
_SLOWEST = 16_384
"""Bytes a second of a body on average, once `_IDLE_S` are over: half the rate of PCM16 at 16 kHz. A
file that comes more slowly would hold its place for hours."""
_CHUNK = 1 << 18
_MOST_PARTS = 64
_MOST_FIELD = 1 << 16
"""Bytes of a part that is no file."""

T = TypeVar("T")


class Body:
    """The body of one request, which is read once. `threads` write its file."""

    def __init__(self, request: web.Request, threads: Executor) -> None:
        self._request = request
        self._threads = threads
        self._began = time.monotonic()
        self._received = 0

    async def read(self, form: Form, spool: Spool) -> Fields:
        """Write the file into the spool and return all parameters. Raises FileRefused."""
        request = self._request
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise _unsupported("a body with Content-Encoding is not read")
        spool.expect(request.content_length)
        given = {name: [*values] for name, values in _query(request).items()}
        if request.content_type.startswith("multipart/"):
            if not form.parts:
                raise _unsupported("the file is expected as the body, without multipart/form-data")
            given |= await self._parts(form.parts, spool)
        elif not form.bare:
            raise _unsupported("expected multipart/form-data, with the file as the part 'file'")
        else:
            if request.content_type == "application/json":
                raise _unsupported("no URL is fetched: send the file itself as the body")
            while data := await self._next(request.content.read(_CHUNK)):
                await self._write(spool, data)
        if not spool.size:
            raise bad_request("no_file", "the request has no file, or an empty one")
        return given

    async def _parts(self, names: Sequence[str], spool: Spool) -> dict[str, list[str]]:
        given: dict[str, list[str]] = {}
        try:
            reader = await self._request.multipart()
            for _ in range(_MOST_PARTS):
                part = await self._next(reader.next())
                if part is None:
                    return given
                if not isinstance(part, BodyPartReader):
                    raise bad_request("invalid_body", "a part within a part is not read")
                if part.name in names and part.filename is not None:
                    await self._file(part, spool)
                else:
                    given.setdefault(part.name or "", []).append(await self._field(part))
        except (ValueError, AssertionError, RuntimeError, LookupError) as error:
            raise bad_request("invalid_body", f"not multipart/form-data: {error!s:.200}") from None
        raise bad_request("invalid_body", f"a request has at most {_MOST_PARTS} parts")

    async def _file(self, part: BodyPartReader, spool: Spool) -> None:
        if spool.size:
            raise bad_request("invalid_body", "a request has one file")
        while not part.at_eof():
            await self._write(spool, await self._next(part.read_chunk(_CHUNK)))

    async def _field(self, part: BodyPartReader) -> str:
        value = bytearray()
        while not part.at_eof():
            value += await self._next(part.read_chunk(_MOST_FIELD))
            if len(value) > _MOST_FIELD:
                text = f"{part.name!a:.40} has more than {_MOST_FIELD} bytes"
                raise bad_request("invalid_body", text)
        return value.decode()

    async def _write(self, spool: Spool, data: bytes) -> None:
        self._received += len(data)
        await asyncio.get_running_loop().run_in_executor(self._threads, spool.write, data)
        if self._received < _SLOWEST * (time.monotonic() - self._began - _IDLE_S):
            raise _too_slow(f"the body comes at less than {_SLOWEST} bytes a second")

    async def _next(self, reading: Awaitable[T]) -> T:
        """Wait for more of the body. Raises FileRefused when it does not come, or is malformed."""
        try:
            async with asyncio.timeout(_IDLE_S):
                return await reading
        except TimeoutError:
            raise _too_slow(f"nothing more of the body came for {_IDLE_S:g} s") from None
        except (RequestPayloadError, HttpProcessingError):
            raise bad_request("invalid_body", "the body is malformed") from None


def _query(request: web.Request) -> dict[str, list[str]]:
    return parse_qs(request.rel_url.raw_query_string, keep_blank_values=True)


def _unsupported(text: str) -> FileRefused:
    return FileRefused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_body", text)


def _too_slow(text: str) -> FileRefused:
    return FileRefused(HTTPStatus.REQUEST_TIMEOUT, "body_timeout", text)
