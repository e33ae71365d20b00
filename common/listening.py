"""Listening on a port, also where another process has it for a while."""

import asyncio
import errno
from collections.abc import Awaitable, Callable
from typing import TypeVar

from common.backoff import pauses
from common.errors import PortTaken, SettingsError
from common.telemetry.logs import Log

PATIENCE = 10.0
"""Seconds until a port that stays taken ends the process, for its supervisor to try again. A former
process of the same service, or an outgoing connection that got the port from the kernel, is often
gone by then."""
_BUSY = {
    *(errno.EADDRINUSE, errno.EMFILE, errno.ENFILE),
    *(errno.ENOBUFS, errno.ENOMEM),
}
"""Errors whose cause is another process, or what this one has open, and no setting."""

T = TypeVar("T")

_log = Log(__name__)


async def listen(flag: str, host: str, port: int, bind: Callable[[], Awaitable[T]]) -> T:
    """Return what `bind` returns, which listens; repeat it for `PATIENCE` seconds if need be.

    Raises PortTaken where that was in vain, SettingsError where a setting is wrong. Both name the
    port's `flag`.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE
    tried = 0
    for pause in pauses(0.1, 1.0):
        try:
            listening = await bind()
        except OSError as error:
            trouble = f"{flag}: cannot listen on {host}:{port}: {error.strerror or error}"
            if error.errno not in _BUSY:
                raise SettingsError(trouble) from error
            if loop.time() >= end:
                raise PortTaken(f"{trouble} (tried for {PATIENCE:g} s)") from error
            if not tried:
                _log.warning("port.taken", reason=trouble, tries_s=PATIENCE)
            tried += 1
        else:
            if tried:
                _log.info("port.free", port=port, tries=tried)
            return listening
        await asyncio.sleep(pause)
    raise AssertionError("pauses never end")
