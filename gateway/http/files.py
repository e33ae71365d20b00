"""Files over HTTP: each request is a call, whose transcript is the answer."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager
from functools import partial
from http import HTTPStatus
from uuid import uuid4

from aiohttp import web

from common.options import SessionOptions
from common.telemetry.logs import Log
from common.telemetry.metrics import GatewayMetrics
from gateway.access.gate import CHALLENGE, Gate
from gateway.access.principal import Principal
from gateway.admission.handshake import Handshakes
from gateway.conversations.reception import Reception
from gateway.files import deepgram, openai, upload
from gateway.files.decode import AudioFile
from gateway.files.limits import FileLimits
from gateway.files.refusal import FileRefused, bad_request
from gateway.files.spool import Spool
from gateway.files.transcript import Answer, Asked, Form, Transcript, continuation
from gateway.files.transcription import OF_KEYS, FileCall
from gateway.http.bodies import Body
from gateway.http.guard import WHO
from gateway.protocols.api import ClientError, Request, by_name

FORMS = (deepgram.FORM, openai.FORM, upload.FORM)
_THREADS = 1
"""Of all files: they share Python's lock with the event loop, which carries the live calls. One
delays a step of the loop by 1.5 ms (p95), two by 8 ms, and on two busy cores they read no more."""
_BUSY_FOR = 5
"""Seconds after which a client may try again when all places are taken."""
_STUCK_S = 30.0
"""Seconds that a client may take for what is sent to it."""

_log = Log(__name__)


class Files:
    """Answers requests with files."""

    def __init__(
        self,
        reception: Reception,
        handshakes: Handshakes,
        metrics: GatewayMetrics,
        *,
        defaults: SessionOptions,
        limits: FileLimits,
        gate: Gate,
    ) -> None:
        self._reception = reception
        self._handshakes = handshakes
        self._metrics = metrics
        self._defaults = defaults
        self._limits = limits
        self._gate = gate
        self._receiving: dict[asyncio.Timeout, Principal] = {}
        """What ends the reading of each body, and whose it is."""
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="file")
        self._busy = 0

    def routes(self) -> list[web.AbstractRouteDef]:
        """Return the routes."""
        return [web.post(form.path, partial(self._answer, form)) for form in FORMS]

    async def _answer(self, form: Form, request: web.Request) -> web.StreamResponse:
        try:
            with self._place():
                return await self._transcribe(form, request)
        except FileRefused as refused:
            return self._refused(form, refused)

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self._busy >= self._limits.places:
            text = f"all {self._limits.places} places for files are taken"
            busy = HTTPStatus.TOO_MANY_REQUESTS
            raise FileRefused(busy, "max_files", text, retry_after=_BUSY_FOR)
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1

    async def _transcribe(self, form: Form, request: web.Request) -> web.StreamResponse:
        name = uuid4().hex
        spool = Spool(self._limits.bytes)
        audio: AudioFile | None = None
        try:
            asked = await self._read(form, request, spool)
            audio = await asyncio.get_running_loop().run_in_executor(
                self._threads, partial(self._open, spool, asked)
            )
            _log.info("file.received", session=name, path=form.path, bytes=spool.size)
            whole = Transcript(
                name, time.time(), spool.sha256, audio.channels, asked.options.language
            )
            call = FileCall(name, asked.options, audio, self._threads)
            return await self._carry(_Reply(request, form, asked), call, whole)
        finally:
            # A thread may still be reading.
            self._threads.submit(_close, spool, audio)

    def end_revoked(self) -> None:
        """Read no more of those whose key was revoked; the calls of files end as all do."""
        for reading, who in self._receiving.items():
            if not self._gate.still_good(who) and not reading.expired():
                reading.reschedule(0.0)

    async def _read(self, form: Form, request: web.Request, spool: Spool) -> Asked:
        try:
            async with asyncio.timeout(None) as reading:
                self._receiving[reading] = request[WHO]
                given = await Body(request, self._threads).read(form, spool)
        except TimeoutError:
            self._gate.check_again(request[WHO])
            raise
        finally:
            self._receiving.pop(reading, None)
        try:
            return form.read(given, self._defaults)
        except ClientError as error:
            raise bad_request(error.code, error.message) from None

    def _open(self, spool: Spool, asked: Asked) -> AudioFile:
        spool.file.seek(0)
        most = self._limits.seconds
        return AudioFile(spool.file, apart=asked.apart, most=most, raw=asked.raw)

    async def _carry(
        self, reply: "_Reply", call: FileCall, whole: Transcript
    ) -> web.StreamResponse:
        """Carry a file's call; send its texts as they come, where that is asked for."""
        who = reply.request[WHO]
        said = ""
        try:
            asked = Request(headers=by_name(reply.request.headers.items()))
            carried = call.events(self._reception, self._handshakes, asked, who)
            async with aclosing(carried) as events:
                async for event in events:
                    final = whole.hear(event)
                    if final is not None:
                        more = continuation(said, final)
                        said += more
                        await reply.tell(more)
            if whole.failure:
                unreadable = HTTPStatus.UNPROCESSABLE_ENTITY
                raise FileRefused(unreadable, "utterance_failed", whole.failure)
        except FileRefused as refused:
            if not reply.begun:
                raise
            return await reply.break_off(refused)
        whole.finish(call.duration, call.remarks)
        return await reply.finish(whole)

    def _refused(self, form: Form, refused: FileRefused) -> web.Response:
        own = refused.code == "max_files"
        # Those of keys were counted with their calls.
        if own or (refused.retry_after is None and refused.code not in OF_KEYS):
            self._metrics.refusals.labels("max_files" if own else "bad_request").inc()
        response = _response(form.refuse(refused.status, refused.code, refused.message))
        response.set_status(refused.status)
        if refused.retry_after is not None:
            response.headers["Retry-After"] = str(refused.retry_after)
        if refused.status == HTTPStatus.UNAUTHORIZED:
            response.headers.update(CHALLENGE)
        return response

    def close(self) -> None:
        """Start no more threads."""
        self._threads.shutdown(wait=False)


class _Reply:
    """The answer to one request: a body, or a stream of events that begins with the first text."""

    def __init__(self, request: web.Request, form: Form, asked: Asked) -> None:
        self.request = request
        self._form = form
        self._asked = asked
        self._stream: web.StreamResponse | None = None

    @property
    def begun(self) -> bool:
        """Whether the status was sent."""
        return self._stream is not None

    async def tell(self, text: str) -> None:
        """Send a text that has come, if that is asked for. Raises ConnectionError."""
        if self._asked.delta is not None:
            await self._write(self._asked.delta(text))

    async def finish(self, whole: Transcript) -> web.StreamResponse:
        """Send what is left. Raises ConnectionError."""
        answer = self._asked.answer(whole)
        if self._asked.delta is None:
            return _response(answer)
        return await self._write(answer.body)

    async def break_off(self, refused: FileRefused) -> web.StreamResponse:
        """Send an error in a stream that has begun. Raises ConnectionError."""
        body = self._form.refuse(refused.status, refused.code, refused.message).body
        return await self._write(b"data: " + body + b"\n\n")

    async def _write(self, data: bytes) -> web.StreamResponse:
        if self._stream is None:
            self._stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await self._stream.prepare(self.request)
        try:
            async with asyncio.timeout(_STUCK_S):
                await self._stream.write(data)
        except TimeoutError:
            raise ConnectionResetError("the client reads nothing") from None
        return self._stream


def _response(answer: Answer) -> web.Response:
    return web.Response(body=answer.body, content_type=answer.content_type, charset="utf-8")


def _close(spool: Spool, audio: AudioFile | None) -> None:
    if audio is not None:
        audio.close()
    spool.close()
