"""YAML that people can review, from plain values. JSON's strings are YAML's."""

import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*")
_BLOCK = re.compile(r"[!-~][ -~]*\n([ -~]+\n|\n)*[ -~]*[!-~]\n")
"""Lines that people read as such: two at least, of ASCII, the last one with its end."""
_RESERVED = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
"""What YAML 1.1, which kubectl reads, takes for another type."""


class Text(str):
    """YAML that stands in a document as it is, in place of the mapping that it says."""

    __slots__ = ()


def dump(documents: Iterable[Mapping[str, Any]]) -> str:
    """Return one stream with all documents."""
    return "".join(f"---\n{''.join(_mapping(each, ''))}" for each in documents)


def _mapping(value: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, each in value.items():
        yield from _entry(f"{indent}{_scalar(key)}:", each, indent)


def _sequence(value: list[Any], indent: str) -> Iterator[str]:
    for each in value:
        if isinstance(each, dict) and each:
            first, *rest = _mapping(each, indent + "  ")
            yield f"{indent}- {first[len(indent) + 2 :]}"
            yield from rest
        else:
            yield from _entry(f"{indent}-", each, indent)


def _entry(head: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, dict) and value:
        yield f"{head}\n"
        yield from _mapping(value, indent + "  ")
    elif isinstance(value, list) and value:
        yield f"{head}\n"
        yield from _sequence(value, indent + "  ")
    elif isinstance(value, Text):
        yield f"{head}\n{_indented(value, indent)}"
    elif isinstance(value, str) and _BLOCK.fullmatch(value):
        yield f"{head} |\n{_indented(value, indent)}"
    else:
        yield f"{head} {_scalar(value)}\n"


def _indented(text: str, indent: str) -> str:
    """Return lines one step below `indent`."""
    return textwrap.indent(text, indent + "  ", lambda line: line != "\n")


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _RESERVED:
        return value
    return json.dumps(value, ensure_ascii=False)
