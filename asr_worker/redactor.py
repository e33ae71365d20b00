"""A function of the operator's own that finds more to hide, such as names: see docs/numbers.md."""

import importlib
import re
from collections.abc import Callable, Iterable, Sequence
from threading import Thread
from typing import Any

from asr_worker.spoken.secrets import Span
from common.errors import SettingsError, reason_of
from common.telemetry.logs import Log

Find = Callable[[str, str], Iterable[tuple[int, int, str]]]
"""Takes a text and the English name of its language; returns spans of characters [start, end) and
what each is, as in (11, 15, "PERSON")."""

PATIENCE = 0.2
"""Seconds that an answer may take; no other text passes meanwhile."""
UNKNOWN = "HIDDEN"
"""What a whole text is hidden as, if nobody knows what it says."""
_ENTITY = re.compile(r"[A-Z][A-Z_]{0,31}")
_TRIAL = "My name is Jane."

_log = Log(__name__)


class Redactor:
    """Asks the function, and hides all of a text for which it has no answer."""

    def __init__(self, find: Find, patience: float = PATIENCE) -> None:
        self._find = find
        self._patience = patience
        self._asking: Thread | None = None
        self._last: tuple[str, str, Sequence[Span]] = ("", "", ())
        """What was asked last, and the answer: the words of a text are asked for as well."""

    @classmethod
    def load(cls, name: str) -> "Redactor":
        """Return the one that the setting names, as ``module:function``.

        It is tried once, however long it takes to load. Raises SettingsError, which says what is
        wrong with it.
        """
        module, _, function = name.partition(":")
        try:
            find = getattr(importlib.import_module(module), function)
            _spans(_TRIAL, find(_TRIAL, "English"))
        except Exception as error:
            raise SettingsError(f"--asr-redactor {name}: {reason_of(error)}") from error
        return cls(find)

    def spans(self, text: str, language: str) -> Sequence[Span]:
        """Return what to hide in a text: all of it, if the function fails or takes too long."""
        if not text:
            return ()
        if self._last[:2] != (text, language):
            self._last = (text, language, self._asked(text, language))
        return self._last[2]

    def _asked(self, text: str, language: str) -> Sequence[Span]:
        answer: list[Sequence[Span] | Exception] = []

        def ask() -> None:
            try:
                answer.append(_spans(text, self._find(text, language)))
            except Exception as error:
                answer.append(error)

        if self._asking is None or not self._asking.is_alive():
            # A thread can be left alone, and does not hold up the process's end.
            self._asking = Thread(target=ask, name="redactor", daemon=True)
            self._asking.start()
            self._asking.join(self._patience)
        found = answer[0] if answer else TimeoutError()
        if not isinstance(found, Exception):
            return found
        _log.warning("redactor.failed", reason=reason_of(found, quoting=False))
        return (Span(0, len(text), UNKNOWN),)


def _spans(text: str, found: Any) -> Sequence[Span]:
    """Return what a function found, checked. Raises ValueError, or TypeError."""
    spans = [Span(*each) for each in found]
    for start, end, entity in spans:
        if not 0 <= start < end <= len(text):
            raise ValueError(f"{start} to {end} is no part of the text")
        if not _ENTITY.fullmatch(entity):
            raise ValueError("an entity is of capital letters and underscores, at most 32")
    return spans
