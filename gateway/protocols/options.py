"""How a protocol reads session options from a client's JSON: all of them, or some by name."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from common.options import OPTIONS, Kind, Option, SessionOptions
from gateway.endpointing.presets import PRESETS
from gateway.protocols import fields
from gateway.protocols.api import ClientError


def readers(names: Iterable[str] = OPTIONS) -> dict[str, fields.Reader]:
    """Return the reader of each of these options; KeyError for an unknown name."""
    return {name: _reader(OPTIONS[name]) for name in names}


def with_changes(options: SessionOptions, given: Mapping[str, Any]) -> SessionOptions:
    """Return `options` with those of `given` that are options; other fields are left out.

    A language that is told without `languages` takes their place: none is detected then. A preset
    of `endpointing` sets what `given` does not.

    Raises `ClientError` ``invalid_option`` where the result contradicts itself.
    """
    named = {name: given[name] for name in given if name in OPTIONS}
    changes = {**PRESETS.get(named.get("endpointing", ""), {}), **named}
    if changes.get("language") is not None:
        changes.setdefault("languages", ())
    result = replace(options, **changes)
    if result.contradiction:
        raise ClientError("invalid_option", result.contradiction)
    return result


def _reader(option: Option) -> fields.Reader:
    match option.kind:
        case Kind.LANGUAGE:
            return fields.language
        case Kind.LANGUAGES:
            return fields.languages(option.most)
        case Kind.CHOICE:
            return fields.one_of(option.choices)
        case Kind.CHOICES:
            return fields.some_of(option.choices)
        case Kind.BOOL:
            reader: fields.Reader = fields.boolean
        case Kind.INT:
            reader = fields.integer(int(option.low), int(option.high))
        case Kind.FLOAT:
            reader = fields.number(option.low, option.high)
        case Kind.TEXT:
            reader = fields.text(option.longest)
        case Kind.TEXTS:
            reader = fields.texts(option.most, option.longest)
    return fields.or_null(reader) if option.nullable else reader
