"""Stdout with an error type of its own: its reader has left, or its disk is full."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any, TextIO, cast


class StdoutError(OSError):
    """Writing to stdout failed; `errno` and `strerror` say why."""


class _Stdout:
    """Stdout whose errors differ from those of sockets and other files."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def __getattr__(self, name: str) -> Any:
        return getattr(self._out, name)

    def write(self, text: str) -> int:
        with _named_errors():
            return self._out.write(text)

    def flush(self) -> None:
        with _named_errors():
            self._out.flush()


@contextmanager
def _named_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StdoutError(error.errno, error.strerror) from error


@contextmanager
def watched() -> Iterator[None]:
    """Have stdout raise StdoutError, on leaving too, for unwritten output."""
    if sys.stdout is None:  # closed by the parent: prints go nowhere
        yield
        return
    out = _Stdout(sys.stdout)
    with redirect_stdout(cast(TextIO, out)):
        yield
    out.flush()


def abandon(stream: TextIO) -> None:
    """Discard the rest of its buffer: otherwise the interpreter would fail on it at exit."""
    with suppress(OSError):  # not a file of the system
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
