"""Lines for a reader who may be gone: a closed terminal, a full disk."""

import errno
from typing import TextIO

from callscribe.terminal import stdout


def tell(text: str, stream: TextIO | None) -> None:
    """Print a line immediately; if that fails, ignore it."""
    try:
        print(text, file=stream, flush=True)
    except OSError as error:
        # The line is still in the buffer. A disk may have room later; a closed terminal has none.
        if error.errno == errno.EIO and stream is not None:
            stdout.abandon(stream)
