"""A descriptor that is kept to be used when there is no other."""

import errno
import os
import time
from collections.abc import Callable
from typing import TypeVar

from common.telemetry.logs import Log

_QUIET = 5.0
"""Seconds with other descriptors that end an episode."""

T = TypeVar("T")

_log = Log(__name__)


class Spare:
    """The spare descriptor of one thread."""

    def __init__(self) -> None:
        self._held: int | None = None
        self.out = False
        """Whether there was no other lately."""

        self._last = 0.0
        self._hold()

    def close(self) -> None:
        """Give it up."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def use(self, open: Callable[[], T]) -> T:
        """Call what needs a descriptor, again with the spare one if there is no other.

        Tells in the log when descriptors run out, and when there are some again.
        """
        self._hold()
        try:
            opened = open()
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE) or self._held is None:
                raise
            self._last = time.monotonic()
            if not self.out:
                _log.error("process.no_descriptors", reason=error.strerror)
                self.out = True
            self.close()
            return open()
        if self.out and time.monotonic() - self._last > _QUIET:
            _log.info("process.descriptors_free")
            self.out = False
        return opened

    def _hold(self) -> None:
        if self._held is None:
            try:
                self._held = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                return
