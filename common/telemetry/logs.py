"""Structured log records on the standard library's logging.

An event is a static dotted name with fields: ``log.info("session.closed", seconds=3)``.
Fields bound with `bound` (session, leg, utterance) are added to every record of the same task.
Call content never reaches the log above debug level: the fields in `PRIVATE` and all binary values
are replaced by their size. Clients choose some values: what a terminal or a reader of lines could
take for more than a value is written as an escape sequence.
"""

import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal, TextIO

from common.errors import reason_of
from common.rates import Rates

PRIVATE = frozenset({"audio", "context", "keywords", "prompt", "text", "words"})
"""Field names whose values are call content."""

_OURS = "callscribe"

_bound: ContextVar[Mapping[str, Any]] = ContextVar(
    "callscribe_log_fields", default=MappingProxyType({})
)


class Log:
    """The logger of one module; a record below the configured level costs one comparison."""

    __slots__ = ("_logger",)

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(f"{_OURS}.{name}")

    def debug(self, event: str, **fields: Any) -> None:
        """Record a detail; the only level that may carry call content."""
        self._write(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: Any) -> None:
        """Record a normal step: a call opened, a worker ready."""
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Record a problem that the system repaired; an operator should see if it repeats."""
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """Record a problem that a caller or an operator will notice."""
        self._write(logging.ERROR, event, fields)

    def exception(
        self,
        event: str,
        error: BaseException | None = None,
        /,
        *,
        quoting: bool = True,
        **fields: Any,
    ) -> None:
        """Record an error with the traceback of `error`, or of the exception being handled.

        Not `quoting`: with what `reason_of` tells of it, for its message may quote call content.
        """
        if quoting or error is None:
            self._write(logging.ERROR, event, fields, exc_info=error or True)
        else:
            reason = reason_of(error, quoting=False)
            self._write(logging.ERROR, event, {**fields, "reason": reason})

    def _write(
        self,
        level: int,
        event: str,
        fields: dict[str, Any],
        exc_info: BaseException | bool = False,
    ) -> None:
        if self._logger.isEnabledFor(level):
            extra = {"fields": {**_bound.get(), **fields}}
            self._logger.log(level, event, exc_info=exc_info, extra=extra)


@contextmanager
def bound(**fields: Any) -> Iterator[None]:
    """Add fields to every record that the current task and its children write in this context."""
    token = _bound.set({**_bound.get(), **fields})
    try:
        yield
    finally:
        _bound.reset(token)


def configure(
    *,
    level: str,
    format: Literal["json", "console"],
    service: str,
    stream: TextIO | None = None,
) -> None:
    """Send the process's records to `stream` (default stderr); replaces an earlier configuration.

    `level` is a settings value: debug, info, warning, error. Libraries' records are written from
    warning upwards only: below, there is one for every connection and every probe.
    """
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(JsonFormatter(service) if format == "json" else ConsoleFormatter(service))
    handler.addFilter(Flood(time.monotonic))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    logging.getLogger(_OURS).setLevel(level.upper())
    root.setLevel(max(logging.WARNING, logging.getLogger(_OURS).level))


class Flood(logging.Filter):
    """Limits the rate of each event; its next record counts the suppressed ones.

    A peer causes most events, and must not be able to fill a disk.
    """

    _RATE, _BURST = 5.0, 50.0
    """Records of one event: per second, and in a burst. Exact counts are in the metrics."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self._rates = Rates(self._RATE, self._BURST)
        self._suppressed: Counter[str] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether to write a record."""
        event = str(record.msg)
        if self._rates.try_add(event, self._clock()):
            self._suppressed[event] += 1
            return False
        if suppressed := self._suppressed.pop(event, 0):
            fields = getattr(record, "fields", {})
            record.__dict__["fields"] = {**fields, "suppressed": suppressed}
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object per record: time, level, service, logger, event and the fields."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line; values that JSON does not know become strings."""
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "event": record.getMessage(),
        }
        for name, value in _fields(record).items():
            entry.setdefault(name, value)
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return _escaped(json.dumps(entry, default=str, ensure_ascii=False))


class ConsoleFormatter(logging.Formatter):
    """``12:00:01.234 info gateway session.closed session=a seconds=3``, for people."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line, a traceback below it."""
        time = datetime.fromtimestamp(record.created).strftime("%H:%M:%S.%f")[:-3]
        line = (
            f"{time} {record.levelname.lower():7} {self._service} {_escaped(record.getMessage())}"
        )
        line += "".join(f" {name}={_plain(value)}" for name, value in _fields(record).items())
        if record.exc_info:
            # Indented, so that no line of an error's text can be taken for a record.
            told = self.formatException(record.exc_info).split("\n")
            line += "".join(f"\n  {_escaped(each)}" for each in told)
        return line


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    simple = text and text.isprintable() and not any(each in text for each in ' "=')
    return text if simple else _escaped(json.dumps(text, ensure_ascii=False))


def _escaped(text: str) -> str:
    """Return a text with JSON's escape sequence for each character that is not printable.

    These are line ends of every kind, a terminal's controls, marks that change the direction of
    writing, and halves of surrogate pairs, which no encoding has.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: Mapping[str, Any] = getattr(record, "fields", {})
    open_book = record.levelno <= logging.DEBUG
    return {name: _shown(name, value, open_book) for name, value in fields.items()}


def _shown(name: str, value: Any, open_book: bool) -> Any:
    if isinstance(value, bytes | bytearray):
        return f"<{len(value)} bytes>"
    if getattr(value, "ndim", 0):
        return f"<{value.nbytes} bytes>"
    if name in PRIVATE and not open_book:
        return f"<{len(value)} long>" if isinstance(value, Sized) else "<hidden>"
    return value
