"""Searching bytes for planted secrets: in figures, in words, in any grouping, spelled."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from tests.leaks.planted import TEENS, TENS, WORDS, Secret

_FIGURES = 6
"""Digits of a secret, as a number of their own, that are found among binary data."""
_WHOLE = 9
"""Digits of a whole secret that are found inside other digits."""
_SPOKEN = 3
"""Digits of a secret that are found in words, and in texts."""
_SPELLED = 4
"""Letters of a secret that are found one by one."""

_ONES = {word: str(n) for n, word in enumerate(WORDS)} | {"oh": "0", "o": "0", "nought": "0"}
_AS_TEENS = {word: str(n) for n, word in enumerate(TEENS, 10)}
_AS_TENS = {word: str(n) for n, word in enumerate(TENS, 2)}
_REPEATS = {"double": 2, "triple": 3}
_IDLE = ("and", "uh", "hundred")

_SAID_WORDS = "|".join([*_ONES, *_AS_TEENS, *_AS_TENS, *_REPEATS, *_IDLE])
_PRINTABLE = re.compile(rb"[ -~]{5,}")
_KEY = re.compile(rb"""digit(?:\xa1|"[:] ?")[0-9A-D*#]""")
"""A DTMF digit as MessagePack or JSON has it."""
_SAID = re.compile(rf"(?:\b(?:{_SAID_WORDS}|\d+)\b[ ,.\-/]{{0,3}}){{1,60}}")
_TOKEN = re.compile(r"[a-z]+|\d+")
_GROUPED = re.compile(rb"(?<![\d.])\d{1,6}(?:[ ,/-]{1,2}\d{1,6}){2,20}(?![\d])")
_PAIRED = re.compile(rb"(?<![\d.])\d{3,6}[ ,/-]{1,2}\d{3,6}(?![\d])")
_SOLID = re.compile(rb"(?<![\d.])\d{8,30}(?![\d])")
"""Eight digits: positions in a call have fewer."""
_NAME = re.compile(rb"[a-z]{9}")
_LETTERS = re.compile(rb"(?:[a-z][ ,.\-]{1,2}){4,40}")
_IN_WORDS = re.compile(rf"(?:(?:{_SAID_WORDS})[ ,.\-]{{1,3}}){{3,60}}".encode())
_TEXT_FIELDS = frozenset({"text", "word", "transcript", "punctuated_word", "delta", "partial"})


class Searcher:
    """Finds what is to be seen of some secrets."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self.secrets = tuple(secrets)
        self._digits = tuple({each.digits for each in self.secrets if each.digits})
        self._joined = " ".join(self._digits)
        self._names = {name for each in self.secrets for name in each.names}
        self._spelled = " ".join(self._names)

    def in_bytes(self, data: bytes) -> set[str]:
        """Return what is to be seen of the secrets in any bytes."""
        found = {"a key"} if _KEY.search(data) else set()
        data = b"\n".join(_PRINTABLE.findall(data)).lower()
        found |= {match.decode() for match in _NAME.findall(data)} & self._names
        for pattern in (_GROUPED, _PAIRED, _SOLID):
            for match in set(pattern.findall(data)):
                found |= self._figures(re.sub(rb"\D", b"", match).decode())
        for match in set(_IN_WORDS.findall(data)):
            found |= self._windows(_read(match.decode()), _SPOKEN)
        for match in set(_LETTERS.findall(data)):
            letters = re.sub(rb"[^a-z]", b"", match).decode()
            found |= {part for part in _parts(letters, _SPELLED) if part in self._spelled}
        return found

    def in_text(self, text: str) -> set[str]:
        """Return what is to be seen of them in what somebody said: any part of three digits."""
        found = self.in_bytes(text.encode())
        for match in _SAID.findall(text.lower()):
            found |= self._windows(_read(match), _SPOKEN)
        return found

    def in_messages(self, messages: Iterable[str]) -> set[str]:
        """Return what is to be seen of them in JSON, whose texts are looked at closely."""
        found: set[str] = set()
        for each in messages:
            found |= self.in_bytes(each.encode())
            for text in texts(each):
                found |= self.in_text(text)
        return found

    def told(self, texts: Sequence[str]) -> list[Secret]:
        """Return the secrets that whole texts of a leg, in their order, tell."""
        digits = "".join(_read(each.lower()) for each in texts)
        letters = "".join(each for text in texts for each in text.lower() if each.isalpha())
        return [
            each
            for each in self.secrets
            if (each.digits in digits if each.digits else all(n in letters for n in each.names))
        ]

    def _figures(self, digits: str) -> set[str]:
        """Return digits that are a part of a secret, or the secrets that they contain.

        A part of them is a part of a secret by chance: a position, a time.
        """
        if len(digits) >= _FIGURES and digits in self._joined:
            return {digits}
        return {each for each in self._digits if len(each) >= _WHOLE and each in digits}

    def _windows(self, digits: str, size: int) -> set[str]:
        if len(digits) < size:
            return set()
        return {part for part in _parts(digits, size) if part in self._joined}


def texts(message: str) -> Iterator[str]:
    """Yield the texts of a JSON message, and its words as one; none of what is no JSON."""
    with suppress(ValueError):
        yield from _texts(json.loads(message))


def _texts(value: Any) -> Iterator[str]:
    match value:
        case Mapping():
            for name, each in value.items():
                if isinstance(each, str) and name in _TEXT_FIELDS:
                    yield each
                elif name == "line":  # of whisper_streaming: two times, then the text
                    yield str(each).partition(" ")[2].partition(" ")[2]
                elif isinstance(each, Mapping | list):
                    yield from _texts(each)
        case list():
            words = [each["word"] for each in value if isinstance(each, Mapping) and "word" in each]
            if words:
                yield " ".join(map(str, words))
            for each in value:
                yield from _texts(each)


def _parts(text: str, size: int) -> Iterator[str]:
    for at in range(len(text) - size + 1):
        yield text[at : at + size]


def _read(said: str) -> str:
    """Return the digits of what was said, in words or figures."""
    digits, times, tens = "", 1, False
    for token in _TOKEN.findall(said):
        part = _ONES.get(token) or _AS_TEENS.get(token) or _AS_TENS.get(token)
        if token in _REPEATS:
            times = _REPEATS[token]
        elif token.isdigit():
            digits, tens = digits + token, False
        elif token in _AS_TENS:
            digits, tens = digits + _AS_TENS[token] + "0", True
        elif part is not None:
            if tens and token in _ONES and part != "0":
                digits = digits[:-1] + part
            else:
                digits += part * times
            times, tens = 1, False
    return digits
