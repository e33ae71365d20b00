"""Polite newcomers: a new call every now and then, which comes again when it was told to."""

import asyncio
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidMessage, InvalidStatus, WebSocketException

from callscribe.client.dialling import handshake_headers
from tests.attack.scoring import Answer, Newcomer

_PATIENCE = 8.0
"""Seconds after which an attempt without an answer is given up."""
_AGAIN = 0.5
_GRACE = 3.0
"""Seconds beyond the wait that was asked for in which a refused caller tries on."""
_CONFIG = json.dumps({"type": "config", "encoding": "pcm16", "sample_rate": 8000})
_BUSY = (429, 503)


@dataclass(frozen=True, slots=True)
class _Reply:
    answer: Answer
    reason: str = ""
    retry_after: float = 0.0


async def newcomers(
    url: str, every: float, over: asyncio.Event, *, key: str | None = None
) -> list[Newcomer]:
    """Have somebody call every so many seconds until `over`, and once more then."""
    headers = handshake_headers({}, key)
    tasks = [asyncio.create_task(_come(url, headers))]
    while not over.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(every):
                await over.wait()
        tasks.append(asyncio.create_task(_come(url, headers)))
    return list(await asyncio.gather(*tasks))


async def _come(url: str, headers: Mapping[str, str]) -> Newcomer:
    began = time.monotonic()
    first = reply = await _call(url, headers)
    answered = time.monotonic() - began
    retry_after, reasons = reply.retry_after, [reply.reason] if reply.reason else []
    while reply.answer is not Answer.LET_IN:
        asked = began + retry_after
        if time.monotonic() > asked + _GRACE:
            return Newcomer(first.answer, answered, None, retry_after, tuple(reasons))
        await asyncio.sleep(max(_AGAIN, asked - time.monotonic()))
        reply = await _call(url, headers)
        reasons += [reply.reason] if reply.reason else []
    let_in = time.monotonic() - began
    return Newcomer(first.answer, answered, let_in, retry_after, tuple(reasons))


async def _call(url: str, headers: Mapping[str, str]) -> _Reply:
    """Try once."""
    try:
        async with asyncio.timeout(_PATIENCE):
            connection = await connect(
                url,
                additional_headers=headers,
                compression=None,
                proxy=None,
                open_timeout=None,
                close_timeout=1,
            )
            async with connection:
                await connection.send(_CONFIG)
                wire = json.loads(await connection.recv())
    except InvalidStatus as refused:
        response = refused.response
        if response.status_code not in _BUSY:
            return _Reply(Answer.UNANSWERED, f"http_{response.status_code}")
        reason = (response.body or b"").decode(errors="replace").removeprefix("refused: ").strip()
        return _Reply(Answer.REFUSED, reason, float(response.headers.get("Retry-After", 0)))
    except TimeoutError:
        return _Reply(Answer.UNANSWERED, "no answer")
    except (OSError, InvalidMessage, WebSocketException) as error:
        return _Reply(Answer.UNANSWERED, type(error).__name__)
    if wire["type"] == "session_created":
        return _Reply(Answer.LET_IN)
    return _Reply(Answer.REFUSED, str(wire.get("code")), float(wire.get("retry_after", 0)))
