"""Lines for somebody who may have left: a terminal that was closed, a disk that is full."""

from contextlib import suppress
from typing import TextIO


def tell(text: str, stream: TextIO | None) -> None:
    """Print a line at once; where it cannot be, nobody listens, and whoever tells goes on."""
    with suppress(OSError):
        print(text, file=stream, flush=True)
