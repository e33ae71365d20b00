"""Stdout whose errors are known for what they are: its reader has left, or its disk is full."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any, TextIO, cast


class StdoutError(OSError):
    """Stdout could not be written to; `errno` and `strerror` say why."""


class _Stdout:
    """Stdout with errors that are told from those of sockets and other files."""

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
    """Have stdout raise StdoutError, also on leaving, for what was not yet written."""
    if sys.stdout is None:  # closed by who started this: prints go nowhere
        yield
        return
    out = _Stdout(sys.stdout)
    with redirect_stdout(cast(TextIO, out)):
        yield
    out.flush()


def abandon(stream: TextIO) -> None:
    """Send what is left in its buffer nowhere: the interpreter would fail of it at its end."""
    with suppress(OSError):  # not a file of the system
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
