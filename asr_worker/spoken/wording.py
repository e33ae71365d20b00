"""Writing figures in words."""

import re
from collections.abc import Iterator, Sequence

from asr_worker.spoken import english
from asr_worker.spoken.figures import Piece
from asr_worker.spoken.tokens import Chunk

_BELOW_TWENTY = [*english.DIGITS.keys() - {"nought"}, *english.TEENS]
_BELOW_TWENTY.sort(key={**english.DIGITS, **english.TEENS}.__getitem__)
_TENS = {value: word for word, value in english.TENS.items() if word != "fourty"}
_ORDINALS = {value: word for word, value in english.ORDINALS.items()}
_SCALES = sorted(english.SCALES.items(), key=lambda each: -each[1])
_CURRENCIES = {"$": ("dollar", "cent"), "€": ("euro", "cent"), "£": ("pound", "penny")}
_YEARS = range(1100, 2100)
_LONGEST_COUNT = 3
"""Digits of a figure up to which it is an amount; longer ones are read digit by digit."""

_PLAIN = re.compile(r"\d+")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")
_MONEY = re.compile(r"([$€£])(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d\d))?")
_SHARE = re.compile(r"(\d[\d,.]*)%")
_DECIMAL = re.compile(r"(\d{1,3}(?:,\d{3})+|\d+)\.(\d+)")
_TIME = re.compile(r"(\d{1,2}):([0-5]\d)")
_ORDINAL = re.compile(r"(\d{1,6})(?:st|nd|rd|th)")
_STRING = re.compile(r"\+?[\d(][\d()–/-]*\d")


def pieces(chunks: Sequence[Chunk], first: int) -> Iterator[Piece]:
    """Write the figures of chunks in words; `first` is the index of the first chunk."""
    for index, chunk in enumerate(chunks, first):
        words = spoken(chunk.core)
        following = chunks[index - first + 1].core if index - first + 1 < len(chunks) else ""
        if words is not None and following in english.MERIDIEMS:
            words = words.removesuffix(" o'clock")
        text = chunk.text if words is None else f"{chunk.lead}{words}{chunk.closing}"
        yield Piece(text, index, index + 1)


def spoken(core: str) -> str | None:
    """Return a figure in words; None for what is none, or is not known how to be said."""
    if not any(each.isdigit() for each in core) or not core.strip("€£").isascii():
        return None
    if (found := _MONEY.fullmatch(core)) is not None:
        return _money(*found.groups())
    if (found := _SHARE.fullmatch(core)) is not None:
        share = spoken(found[1])
        return None if share is None else f"{share} percent"
    if (found := _TIME.fullmatch(core)) is not None:
        return _time(int(found[1]), int(found[2]))
    if (found := _ORDINAL.fullmatch(core)) is not None:
        return _ordinal(int(found[1]))
    if _THOUSANDS.fullmatch(core):
        return _cardinal(int(core.replace(",", "")))
    if (found := _DECIMAL.fullmatch(core)) is not None:
        whole = spoken(found[1])
        return None if whole is None else f"{whole} point {_each(found[2])}"
    if _PLAIN.fullmatch(core):
        return _figure(core)
    return _each(core) if _STRING.fullmatch(core) else None


def _figure(digits: str) -> str:
    value = int(digits[:30])
    if digits[0] == "0" and len(digits) > 1:
        return _each(digits)
    if len(digits) <= _LONGEST_COUNT or (len(digits) == 4 and value % 100 == 0):
        return _cardinal(value)
    return _year(value) if len(digits) == 4 and value in _YEARS else _each(digits)


def _each(digits: str) -> str:
    """Return digits one after the other; signs between them are not said, a plus is."""
    words = (_BELOW_TWENTY[int(each)] for each in digits if each.isdigit())
    return " ".join([*(["plus"] if digits.startswith("+") else []), *words])


def _cardinal(value: int) -> str:
    if value >= 10**12:
        return _each(str(value))
    words = []
    for scale, size in _SCALES:
        if value >= size:
            words.append(f"{_cardinal(value // size)} {scale}")
            value %= size
    if value >= 100:
        words.append(f"{_BELOW_TWENTY[value // 100]} {english.HUNDRED}")
        value %= 100
    if value or not words:
        words.append(_below_hundred(value))
    return " ".join(words)


def _below_hundred(value: int) -> str:
    if value < 20:
        return _BELOW_TWENTY[value]
    tens, ones = divmod(value, 10)
    return f"{_TENS[10 * tens]}-{_BELOW_TWENTY[ones]}" if ones else _TENS[10 * tens]


def _year(value: int) -> str:
    century, rest = divmod(value, 100)
    if century == 20 and rest < 10:
        return _cardinal(value)
    tail = f"oh {_BELOW_TWENTY[rest]}" if rest < 10 else _below_hundred(rest)
    return f"{_below_hundred(century)} {tail}"


def _ordinal(value: int) -> str:
    if value in _ORDINALS:
        return _ORDINALS[value]
    head, ones = divmod(value, 10)
    if 20 < value < 100:
        return f"{_TENS[10 * head]}-{_ORDINALS[ones]}"
    if value % 100 in _ORDINALS or value % 100 > 20:
        return f"{_cardinal(value - value % 100)} {_ordinal(value % 100)}"
    return f"{_cardinal(value)}th"


def _money(sign: str, whole: str, part: str | None) -> str:
    larger, smaller = _CURRENCIES[sign]
    count, rest = int(whole.replace(",", "")), int(part or 0)
    text = f"{_cardinal(count)} {larger}{'' if count == 1 else 's'}"
    if not rest:
        return text
    plural = {"cent": "cents", "penny": "pence"}[smaller]
    return f"{text} and {_below_hundred(rest)} {smaller if rest == 1 else plural}"


def _time(hour: int, minute: int) -> str:
    said = _below_hundred(hour)
    if not minute:
        return f"{said} o'clock"
    return (
        f"{said} oh {_BELOW_TWENTY[minute]}" if minute < 10 else f"{said} {_below_hundred(minute)}"
    )
