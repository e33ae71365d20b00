"""Calls as resources: their events, transcripts and traces, and their erasure.

A call is found by its session id or by a name that its client gave it, such as a callSid or a
conversation's id. Several calls may have one name; they are then read together.
"""

import asyncio
import json
import time
from collections.abc import Callable
from functools import partial
from http import HTTPStatus

from aiohttp import WSCloseCode, WSMsgType, web

from common.redis.link import Link
from common.telemetry.logs import Log
from gateway.access.gate import Gate
from gateway.access.principal import Principal
from gateway.calls.directory import Directory, Known
from gateway.feed.feed import Feed
from gateway.http.guard import WHO
from gateway.http.problems import bad_request, forbidden, unknown_call
from gateway.readers.following import Following, Place
from gateway.readers.rendering import Message, described
from gateway.readers.trace import read_trace
from gateway.readers.transcript import FORMATS, as_json, as_text, read_transcript

_CONTENT_TYPES = {"txt": "text/plain", "srt": "application/x-subrip", "vtt": "text/vtt"}
_KEEPALIVE_S = 15.0
"""Seconds between comments of a silent event stream, so that proxies keep it open."""
_STUCK_S = 30.0
"""Seconds that a reader may take for what is sent to it."""

_log = Log(__name__)


class CallResources:
    """Answers for all calls that Redis holds."""

    def __init__(self, link: Link, feed: Feed, directory: Directory, gate: Gate) -> None:
        self._link = link
        self._feed = feed
        self._directory = directory
        self._gate = gate

    def routes(self) -> list[web.AbstractRouteDef]:
        """Return the routes."""
        one = "/v1/sessions/{id}"
        return [
            web.get("/v1/sessions", self._list),
            web.get(one, self._describe),
            web.delete(one, self._erase),
            web.get(f"{one}/erasure", self._erasure),
            web.get(f"{one}/events", self._events, allow_head=False),
            web.get(f"{one}/transcript", self._transcript),
            web.get(f"{one}/trace", self._trace),
        ]

    async def _find(self, request: web.Request) -> list[Known]:
        name = request.match_info["id"]
        found = await find(self._directory, name, request[WHO])
        if not found:
            raise unknown_call(name)
        return found

    async def _list(self, request: web.Request) -> web.StreamResponse:
        who = request[WHO]
        running = await self._directory.running(None if who.operator else who.tenant)
        return web.json_response({"sessions": [described(known) for known in running]})

    async def _describe(self, request: web.Request) -> web.StreamResponse:
        found = await self._find(request)
        return web.json_response({"sessions": [described(known) for known in found]})

    async def _erase(self, request: web.Request) -> web.StreamResponse:
        if request[WHO].once:  # it opens one call, and is in strangers' browsers
            text = "a call is erased with an API key, not with a short-lived token"
            raise forbidden("no_key", text)
        name = request.match_info["id"]
        found = await find(self._directory, name, request[WHO])
        await asyncio.gather(*map(self._directory.erase, found))
        erased = [known.session for known in found]
        # Whose a call was is known no longer than the call, so others need to find it.
        unknown = not found and request[WHO].operator and await self._directory.erase_unknown(name)
        if not found and not unknown:
            raise unknown_call(name)
        asked = [name] if unknown else erased
        reports = [each for each in asked if await self._directory.erasure(each) is not None]
        answer = {"erased": erased, "reports": [f"/v1/sessions/{each}/erasure" for each in reports]}
        return web.json_response(answer, status=HTTPStatus.ACCEPTED if unknown else HTTPStatus.OK)

    async def _erasure(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["id"]
        report = await self._directory.erasure(name)
        if report is None or not (request[WHO].operator or report.tenant == request[WHO].tenant):
            raise unknown_call(name)
        return web.json_response(report.as_json())

    async def _transcript(self, request: web.Request) -> web.StreamResponse:
        form = request.query.get("format", "json")
        if form not in FORMATS:
            text = f"format is one of {', '.join(FORMATS)}, not {form[:40]!a}"
            raise bad_request("format", text)
        transcript = await read_transcript(self._link, await self._find(request))
        if form == "json":
            return web.json_response(as_json(transcript))
        kind = _CONTENT_TYPES[form]
        return web.Response(text=as_text(transcript, form), content_type=kind, charset="utf-8")

    async def _trace(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(await read_trace(self._link, await self._find(request)))

    async def _events(self, request: web.Request) -> web.StreamResponse:
        found = await self._find(request)
        name = request.match_info["id"]
        said = request.headers.get("Last-Event-ID") or request.query.get("from") or "0"
        place = Place.parse(said, name)
        if place is None:
            raise bad_request("from", f"from is a seq, or the last event's id, not {said[:40]!a}")
        again = partial(find, self._directory, name, request[WHO])
        following = Following(self._feed, found, again, place)
        may = partial(self._gate.still_good, request[WHO])
        try:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await _over_websocket(request, following, may)
            return await _as_event_stream(request, following, may)
        finally:
            following.close()


async def find(directory: Directory, name: str, who: Principal) -> list[Known]:
    """Return the calls with an id or name that `who` may see; an operator sees any by its id."""
    found = await directory.find(name, who.tenant)
    return found or (await directory.find(name, None) if who.operator else [])


async def _over_websocket(
    request: web.Request, following: Following, may: Callable[[], bool]
) -> web.StreamResponse:
    """Send all events; `may` tells whether the reader's key still counts."""
    # A browser offers it beside its token, and gives up where nothing is chosen.
    socket = web.WebSocketResponse(heartbeat=20, max_msg_size=4096, protocols=("callscribe",))
    await socket.prepare(request)
    sending = asyncio.create_task(_send_all(socket, following, may))
    listening = asyncio.create_task(_listen(socket))
    tasks = (sending, listening)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        found, _ = await asyncio.gather(*tasks, return_exceptions=True)
    if isinstance(found, Exception):
        _tell_failure(request, found)
        await socket.close(code=WSCloseCode.INTERNAL_ERROR, message=b"internal_error")
    return socket


async def _listen(socket: web.WebSocketResponse) -> None:
    """Return when the reader is gone; it has nothing to say."""
    async for message in socket:
        if message.type is WSMsgType.ERROR:
            return


def _tell_failure(request: web.Request, error: Exception) -> None:
    session = request.match_info["id"]
    if isinstance(error, TimeoutError | ConnectionError):
        _log.info("reader.stuck", session=session)
    else:
        _log.exception("reader.failed", error, session=session)


async def _send_all(
    socket: web.WebSocketResponse, following: Following, may: Callable[[], bool]
) -> None:
    async for messages in following:
        if not may():
            await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"revoked_key")
            return
        for _, message in messages:
            async with asyncio.timeout(_STUCK_S):
                await socket.send_str(_encoded(message))
    await socket.close(message=b"finished")


async def _as_event_stream(
    request: web.Request, following: Following, may: Callable[[], bool]
) -> web.StreamResponse:
    """The same as server-sent events."""
    if await following.exhausted():
        # A browser whose stream has ended asks again; this tells it to stop.
        return web.Response(status=204)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    try:
        await _stream_all(response, following, may)
    except Exception as error:
        _tell_failure(request, error)
        if request.transport is not None:  # not as a stream that has come to its end
            request.transport.abort()
    return response


async def _stream_all(
    response: web.StreamResponse, following: Following, may: Callable[[], bool]
) -> None:
    written = time.monotonic()
    async for messages in following:
        if not may():
            return
        chunk = "".join(_event(place, message) for place, message in messages)
        if not chunk and time.monotonic() - written < _KEEPALIVE_S:
            continue
        written = time.monotonic()
        async with asyncio.timeout(_STUCK_S):
            await response.write((chunk or ": still here\n\n").encode())


def _event(place: Place, message: Message) -> str:
    return f"id: {place}\nevent: {message['type']}\ndata: {_encoded(message)}\n\n"


def _encoded(message: Message) -> str:
    return json.dumps(message, ensure_ascii=False)
