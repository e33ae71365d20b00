"""Decodes one call's compressed audio in a thread of its own, in step with what is asked for."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from common.audio import BYTES_PER_SAMPLE, SAMPLE_RATE
from common.telemetry.logs import Log
from gateway.protocols.api import ClientError
from gateway.protocols.commands import Coding
from gateway.uplink import streams
from gateway.uplink.throttle import Throttle

MOST_WAITING = 1 << 16
"""Bytes that wait to be decoded; beyond, the client is not read."""
MOST_DECODED = 8
"""Pieces that wait to be accepted, of half a second at most; beyond, decoding waits."""
MOST_LEFT = 120 * SAMPLE_RATE
"""Samples of each channel that are decoded once the client has ended: what waits is a few seconds
of speech, and can be hours of silence."""
_INTERNAL_ERROR = 1011
_REASON = "decode"

_Action: TypeAlias = Callable[[], None]
_Item: TypeAlias = bytes | ClientError | _Action
_log = Log(__name__)


class Inflow:
    """The stream of one call, between its client's bytes and its legs.

    `on_pcm` gets PCM16LE at 16 kHz of all channels, `on_error` what is wrong with the stream; both
    in the event loop's thread, and in order with the actions of `then` and `finish`. Nothing is
    handed over while the throttle has another reason to pause the client.

    The thread begins with the first audio. `close` ends it soon, wherever it is.
    """

    def __init__(
        self,
        coding: Coding,
        channels: int,
        throttle: Throttle,
        on_pcm: Callable[[bytes], None],
        on_error: Callable[[ClientError], None],
    ) -> None:
        self._coding = coding
        self._channels = channels
        self._throttle = throttle
        self._on_pcm = on_pcm
        self._on_error = on_error
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = threading.Condition()
        self._came: deque[bytes | _Action] = deque()
        self._size = 0
        """Bytes in `_came`."""
        self._gone: deque[_Item] = deque()
        self._last: _Action | None = None
        """What is to be done at the end; None as long as more may come."""
        self._full = False
        """Whether the client is paused because too much of it waits."""
        self._closed = False
        self._due = False
        """Whether the loop is about to accept what is in `_gone`."""
        self._accepting = False

    # --- in the loop's thread ---

    def push(self, data: bytes) -> None:
        """Take compressed bytes, cut anywhere."""
        if not data or self._last is not None or self._closed:
            return
        if self._loop is None:
            self._begin()
        with self._changed:
            self._came.append(data)
            self._size += len(data)
            self._full = self._full or self._size > MOST_WAITING
            full = self._full
            self._changed.notify_all()
        if full:
            self._throttle.set_paused(_REASON, True)

    def then(self, action: _Action) -> None:
        """Do something once all audio so far is decoded and accepted."""
        if self._loop is None:
            action()
            return
        with self._changed:
            self._came.append(action)
            self._changed.notify_all()

    def finish(self, action: _Action) -> None:
        """Take no more audio; do something once all of it is decoded and accepted."""
        if self._loop is None:
            self.close()
            action()
            return
        with self._changed:
            self._last = action
            self._changed.notify_all()

    def close(self) -> None:
        """Stop, whatever is left."""
        with self._changed:
            self._closed = True
            self._came.clear()
            self._gone.clear()
            self._changed.notify_all()

    def _begin(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._throttle.on_resumed = self._accept
        # A daemon, since a process that ends need not wait for the audio of calls it has released.
        threading.Thread(target=self._run, name="decode", daemon=True).start()

    def _accept(self) -> None:
        """Accept what is decoded, as long as there is no reason to pause the client."""
        if self._accepting:  # asked by what was just accepted
            return
        self._accepting = True
        try:
            while not self._throttle.paused_beside(_REASON):
                if (item := self._accepted()) is None:
                    break
                if isinstance(item, bytes):
                    self._on_pcm(item)
                elif isinstance(item, ClientError):
                    self._on_error(item)
                else:
                    item()
        finally:
            self._accepting = False

    def _accepted(self) -> _Item | None:
        with self._changed:
            self._due = False
            resumed = self._full and self._size <= MOST_WAITING // 2
            self._full = self._full and not resumed
            item = self._gone.popleft() if self._gone else None
            self._changed.notify_all()
        if resumed:
            self._throttle.set_paused(_REASON, False)
        return item

    # --- in its own thread ---

    def _run(self) -> None:
        left = MOST_LEFT * BYTES_PER_SAMPLE * self._channels
        try:
            for item in streams.decoded(self._next, self._coding, self._channels):
                self._put(item)
                if self._last is not None and isinstance(item, bytes):
                    left -= len(item)
                    if left < 0:
                        break
        except ClientError as error:
            self._put(error)
        except Exception as error:
            _log.exception("session.decode_failed", error)
            text = "the server made a mistake with the compressed audio"
            self._put(ClientError("internal_error", text, close_code=_INTERNAL_ERROR))
        while self._next():  # nothing can be made of it; what is asked for in between counts
            pass
        if self._last is not None:
            self._put(self._last)

    def _next(self) -> bytes:
        """Wait for the next bytes; empty at the end. What is asked for before them is passed on."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._came or self._last or self._closed)
                item = self._came.popleft() if self._came else b""
                if isinstance(item, bytes):
                    self._size -= len(item)
                    if self._full and self._size <= MOST_WAITING // 2:
                        self._wake()
                    return item
            self._put(item)

    def _put(self, item: _Item) -> None:
        with self._changed:
            self._changed.wait_for(lambda: len(self._gone) < MOST_DECODED or self._closed)
            if not self._closed:
                self._gone.append(item)
                self._wake()

    def _wake(self) -> None:
        if not (self._due or self._closed):
            assert self._loop is not None
            self._due = True
            self._loop.call_soon_threadsafe(self._accept)
