"""Where the body of a request is kept while it arrives: a temporary file, never memory."""

import hashlib
import tempfile
from http import HTTPStatus
from typing import BinaryIO, cast

from gateway.files.refusal import FileRefused


class Spool:
    """A temporary file of at most `most` bytes, which has no name and ends with this object.

    `write` blocks, and is for a thread. Raises FileRefused if there is no place for such a file.
    """

    def __init__(self, most: int) -> None:
        self.size = 0
        try:
            # It has no name, and is gone when it is closed.
            self.file = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115
        except OSError as error:
            raise _no_space(error) from error
        self._digest = hashlib.sha256()
        self._most = most

    def expect(self, size: int | None) -> None:
        """Raise FileRefused if a body of `size` bytes would be too large; None is not known."""
        if size is not None and size > self._most:
            raise self._too_large()

    def write(self, data: bytes) -> None:
        """Add bytes. Raises FileRefused when they are too many, or the disk is full."""
        self.size += len(data)
        if self.size > self._most:
            raise self._too_large()
        self._digest.update(data)
        try:
            self.file.write(data)
        except OSError as error:
            raise _no_space(error) from error

    @property
    def sha256(self) -> str:
        """The digest of what was written, in hexadecimal digits."""
        return self._digest.hexdigest()

    def close(self) -> None:
        """Remove the file."""
        self.file.close()

    def _too_large(self) -> FileRefused:
        text = f"a file has at most {self._most} bytes"
        return FileRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "file_too_large", text)


def _no_space(error: OSError) -> FileRefused:
    text = f"the file cannot be stored here now: {error.strerror}"
    unavailable = HTTPStatus.SERVICE_UNAVAILABLE
    return FileRefused(unavailable, "no_space", text, retry_after=60)
