"""Readers of typed fields from a client's JSON: each returns the value or says what is allowed.

A reader takes the field's name and its JSON value and raises `ClientError` with the code
``invalid_option`` (not fatal by itself; the codec decides).
"""

import binascii
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from common.languages import UnknownLanguage, resolve
from gateway.protocols.api import ClientError

Reader = Callable[[str, object], Any]

# RFC 6455, 7.4.1: 1007 for a message that is not what its type promises, 1008 for any other
# breach of the protocol.
_CLOSE_CODES = {"invalid_json": 1007, "not_an_object": 1007}
_POLICY_VIOLATION = 1008
_MESSAGE_TOO_BIG = 1009


def fatal(error: ClientError) -> ClientError:
    """Return the error as one that ends the connection."""
    if error.fatal:
        return error
    close_code = _CLOSE_CODES.get(error.code, _POLICY_VIOLATION)
    return ClientError(error.code, error.message, close_code=close_code)


def unchanged(error: ClientError, unless: str = "") -> ClientError:
    """Return the error of a refused update, which says that none of it took effect.

    `unless` says what is still in effect.
    """
    text = f"{error.message}; nothing of this update took effect{unless}"
    return ClientError(error.code, text, close_code=error.close_code)


def check_length(message: str, most: int) -> None:
    """Raise `ClientError` ``message_too_long``, which is fatal, beyond `most` characters."""
    if len(message) > most:
        text = f"a text message has at most {most} characters, this one {len(message)}"
        raise ClientError("message_too_long", text, close_code=_MESSAGE_TOO_BIG)


def parse_object(message: str) -> Mapping[str, object]:
    """Parse a JSON object; raises `ClientError` ``invalid_json`` or ``not_an_object``.

    NaN and Infinity, which RFC 8259 does not have but Python's parser reads, are refused.
    """
    try:
        parsed = json.loads(message, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ClientError("invalid_json", f"the message is not JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise ClientError("not_an_object", f"expected a JSON object, not {_kind(parsed)}")
    return parsed


def read_fields(readers: Mapping[str, Reader], given: Mapping[str, object]) -> dict[str, Any]:
    """Read every given field with its reader; a field without one is ``unknown_option``."""
    for name in given:
        if name not in readers:
            close = get_close_matches(name[:40], readers, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known are {_listed(readers)}"
            raise ClientError("unknown_option", f"unknown option {name[:40]!a}; {hint}")
    return {name: readers[name](name, value) for name, value in given.items()}


def mapping(name: str, value: object) -> Mapping[str, object]:
    """Read an object, whose fields are read elsewhere."""
    if isinstance(value, dict):
        return value
    raise _invalid(name, value, "an object")


def boolean(name: str, value: object) -> bool:
    """Read true or false."""
    if isinstance(value, bool):
        return value
    raise _invalid(name, value, "true or false")


def integer(low: int, high: int) -> Reader:
    """Read a whole number from `low` to `high`, both included."""

    def read(name: str, value: object) -> int:
        # bool is an int to Python, not to JSON.
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise _invalid(name, value, f"a whole number from {low} to {high}")

    return read


def number(low: float, high: float) -> Reader:
    """Read a number from `low` to `high`, both included."""

    def read(name: str, value: object) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
            return float(value)
        raise _invalid(name, value, f"a number from {low:g} to {high:g}")

    return read


def text(longest: int) -> Reader:
    """Read a string of at most `longest` characters."""

    def read(name: str, value: object) -> str:
        if isinstance(value, str) and len(value) <= longest and _is_unicode(value):
            return value
        raise _invalid(name, value, f"a string of at most {longest} characters")

    return read


def printable(longest: int) -> Reader:
    """Read a string of 1 to `longest` printable characters."""

    def read(name: str, value: object) -> str:
        if isinstance(value, str) and 0 < len(value) <= longest and value.isprintable():
            return value
        raise _invalid(name, value, f"a string of 1 to {longest} printable characters")

    return read


def texts(most: int, longest: int) -> Reader:
    """Read a list of at most `most` strings of 1 to `longest` characters, as a tuple."""

    def read(name: str, value: object) -> tuple[str, ...]:
        allowed = f"a list of at most {most} strings of 1 to {longest} characters"
        if not isinstance(value, list) or len(value) > most:
            raise _invalid(name, value, allowed)
        for item in value:
            if not (isinstance(item, str) and 0 < len(item) <= longest and _is_unicode(item)):
                raise _refused(name, f"a list with {_shown(item)}", allowed)
        return tuple(value)

    return read


def one_of(allowed: Collection[str] | Collection[int]) -> Reader:
    """Read one of the allowed values."""

    def read(name: str, value: object) -> Any:
        # Compared with its type: True == 1 and 1.0 == 1.
        for choice in allowed:
            if type(value) is type(choice) and value == choice:
                return choice
        raise _invalid(name, value, f"one of {_listed(allowed)}")

    return read


def some_of(allowed: Sequence[str]) -> Reader:
    """Read a list of allowed strings, as a tuple of these in the order of `allowed`."""
    read_subset = subset_of(allowed)

    def read(name: str, value: object) -> tuple[str, ...]:
        chosen = read_subset(name, value)
        return tuple(each for each in allowed if each in chosen)

    return read


def subset_of(allowed: Collection[str]) -> Reader:
    """Read a list of allowed strings, as a frozenset."""

    def read(name: str, value: object) -> frozenset[str]:
        if not isinstance(value, list):
            raise _invalid(name, value, f"a list of {_listed(allowed)}")
        for item in value:
            if not isinstance(item, str) or item not in allowed:
                shown = f"a list with {_shown(item)}"
                raise _refused(name, shown, f"a list of {_listed(allowed)}")
        return frozenset(value)

    return read


def base64(name: str, value: object) -> bytes:
    """Read audio in base64, whose padding may be missing. Code ``invalid_audio``.

    No character is looked at in Python: such messages come all the time.
    """
    try:
        if isinstance(value, str):
            padded = value if len(value) % 4 == 0 else value + "=" * (-len(value) % 4)
            return binascii.a2b_base64(padded, strict_mode=True)
    except ValueError:
        pass
    text = f"{name} must be a string of base64 (RFC 4648, 4), not {_shown(value)}"
    raise ClientError("invalid_audio", text)


def filled(value: object) -> object:
    """Return a list without its empty strings: a field that is left empty asks for nothing."""
    return [each for each in value if each != ""] if isinstance(value, list) else value


def or_null(read: Reader) -> Reader:
    """Read null as None, any other value with `read`."""

    def read_or_null(name: str, value: object) -> Any:
        if value is None:
            return None
        try:
            return read(name, value)
        except ClientError as error:
            raise ClientError(error.code, f"{error.message}; null is allowed, too") from None

    return read_or_null


def language(name: str, value: object) -> str | None:
    """Read a language by name or code; null, "auto" and "" are None. Code ``unknown_language``."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise _invalid(name, value, "null, a language's name or its ISO code")
    try:
        return resolve(value)
    except UnknownLanguage as error:
        raise ClientError("unknown_language", f"{name}: {error}") from None


def languages(most: int) -> Reader:
    """Read a list of at most `most` languages, as a tuple of their names, each once."""

    def read(name: str, value: object) -> tuple[str, ...]:
        allowed = f"a list of at most {most} names or ISO codes of languages"
        if not isinstance(value, list) or len(value) > most:
            raise _invalid(name, value, allowed)
        found: list[str] = []
        for item in value:
            known = language(name, item) if isinstance(item, str) else None
            if known is None:
                raise _refused(name, f"a list with {_shown(item)}", allowed)
            found.append(known)
        return tuple(dict.fromkeys(found))

    return read


def _invalid(name: str, value: object, allowed: str) -> ClientError:
    shown = f"a list of {len(value)}" if isinstance(value, list) else _shown(value)
    return _refused(name, shown, allowed)


def _refused(name: str, shown: str, allowed: str) -> ClientError:
    return ClientError("invalid_option", f"{name} must be {allowed}, not {shown}")


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def _is_unicode(value: str) -> bool:
    """Tell whether it has no lone surrogate, which JSON can escape but UTF-8 cannot encode."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _shown(value: object) -> str:
    """Show a value that a client sent: short, ASCII, and never a whole structure."""
    if isinstance(value, str):
        shown = ascii(value) if len(value) <= 40 else f"a string of {len(value)} characters"
        return shown if _is_unicode(value) else f"{shown}, which is not Unicode"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value) if abs(value) < 1e300 else "a number beyond measure"
    return _kind(value)


def _kind(value: object) -> str:
    match value:
        case None | True | False:
            return json.dumps(value)
        case str():
            return "a string"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return "a number"


def _listed(names: Collection[str] | Collection[int]) -> str:
    return ", ".join(map(str, names))
