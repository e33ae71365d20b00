"""Why a file gets no transcript."""

from http import HTTPStatus


class FileRefused(Exception):
    """The request gets no transcript.

    `code` is a stable label for programs, and `message` is for the client's developer.
    `retry_after`: seconds after which the same request may be repeated, None where that is no use.
    """

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        message: str,
        *,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after


def bad_request(code: str, message: str) -> FileRefused:
    """Return the refusal of a request that the client must change."""
    return FileRefused(HTTPStatus.BAD_REQUEST, code, message)
