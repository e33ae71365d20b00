"""The parameters of a request's URL: each may stand several times, and the last one counts."""

import re
from collections.abc import Mapping, Sequence

from gateway.protocols.api import ClientError
from gateway.protocols.commands import Coding, Encoding

Query = Mapping[str, Sequence[str]]


def last(query: Query, name: str) -> str:
    """Return the last value of a parameter, empty without one."""
    values = query.get(name)
    return values[-1] if values else ""


def flag(query: Query, name: str) -> bool:
    """Read a parameter that is true or false; without it, it is false. Raises ClientError."""
    match last(query, name).lower():
        case "true" | "1":
            return True
        case "false" | "0" | "":
            return False
        case other:
            raise invalid(f"{name} must be true or false, not {other[:40]!a}")


def number(query: Query, name: str, low: int, high: int) -> int:
    """Read a parameter that is a whole number. Raises ClientError."""
    given = last(query, name)
    # Not int() alone, which takes spaces, underscores and other scripts' digits.
    if not re.fullmatch(r"[0-9]{1,9}", given) or not low <= int(given) <= high:
        raise invalid(f"{name} must be a whole number from {low} to {high}, not {given[:40]!a}")
    return int(given)


def raw_encoding(
    query: Query,
    encodings: Mapping[str, Encoding],
    codings: Mapping[str, Coding],
    usual: str = "",
) -> Encoding:
    """Return what raw audio is encoded as, `usual` if unsaid. Raises ClientError.

    It must be one of `encodings`, and its sample rate must be there; `codings` are named beside
    them where it is not.
    """
    given = last(query, "encoding") or usual
    if given not in encodings:
        known = ", ".join(filter(None, (*encodings, *codings)))
        raise invalid(f"encoding must be one of {known}, not {given[:40]!a}")
    if not last(query, "sample_rate"):
        raise invalid("sample_rate is missing: raw audio does not tell it")
    return encodings[given]


def invalid(text: str) -> ClientError:
    """Return the error of a parameter that `text` names."""
    return ClientError("invalid_parameter", text)
