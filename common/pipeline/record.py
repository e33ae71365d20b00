"""Messages as MessagePack maps, derived from the type hints of frozen dataclasses.

A *record* is a slotted frozen dataclass. It becomes a map from its field names to its values, in
the order of the fields; a message has the wire's version `v` behind them. A record with a class
variable `t` has it as its first field: the tag that tells the members of a union apart. A field
may be

- an int, float, str, bytes, bool, a Literal or an Enum of strings, or a union of these and None;
- a NamedTuple of such values, or another record, or a tagged union of records; or None;
- a tuple of any number of one of these;
- a set of names, see `name_set`.

Releases of one wire version read each other. An unknown field is ignored, because a later release
may write it. A field with a default may be missing, because an earlier one did not know it. Any
other missing field, and an ill-typed one, is a ValueError that names the record and the field.
Writing trusts the type checker. Whatever is not such a new field raises `WIRE_VERSION`: a new tag,
a field less, another type or meaning, a longer NamedTuple (docs/upgrade.md).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from enum import Enum
from operator import attrgetter, itemgetter
from types import NoneType, UnionType
from typing import Any, Generic, Literal, TypeVar, Union, get_args, get_origin
from typing import get_type_hints as hints_of

import msgpack

WIRE_VERSION = 2
"""What the processes of a system must have in common; every key of theirs begins with it, too."""

_SPARSE, _FLAT, _SPELLED = "sparse", "flat", "spelled"
_PLAIN: Mapping[Any, frozenset[type]] = {
    int: frozenset({int}),
    float: frozenset({float, int}),
    str: frozenset({str}),
    bytes: frozenset({bytes}),
    bool: frozenset({bool}),
    NoneType: frozenset({NoneType}),
}

T = TypeVar("T")
_Convert = Callable[[Any], Any]


def sparse(default: Any, *, compare: bool = True) -> Any:
    """Declare a field that is left out if it has its default value; `compare` as in `field`."""
    return field(default=default, compare=compare, metadata={_SPARSE: True})


def flat() -> Any:
    """Declare a field whose record is stored inline, among the fields of the outer record.

    Its type is a union of untagged records and None, told apart by the names of their fields.
    """
    return field(default=None, metadata={_FLAT: True})


def name_set(*spelled: str) -> Any:
    """Declare a field that is a frozenset of names, by default empty.

    Each of those that are `spelled` is stored as a field of its own, true or false: so all releases
    of this wire version read it. Others are a list under the field's name, left out if empty.
    """
    return field(default=frozenset(), metadata={_SPELLED: spelled})


class Message(Generic[T]):
    """How to read one message: a record, or a tagged union of records."""

    def __init__(self, *kinds: type[T]) -> None:
        self._convert = _records(kinds)

    def unpack(self, data: bytes) -> T:
        """Read what `pack` wrote; ValueError for other data or another wire version."""
        body = msgpack.unpackb(data)
        if type(body) is not dict or body.pop("v", None) != WIRE_VERSION:
            raise ValueError("message of another wire version")
        record: T = self._convert(body)
        return record


def pack(record: Any, **late: Any) -> bytes:
    """Encode a record as a message. `late`: fields whose values are known only now."""
    body = _shape(type(record)).as_map(record)
    if late:
        body.update(late)
    body["v"] = WIRE_VERSION
    packed: bytes = _packer.pack(body)
    return packed


def names_of(record: Any) -> Iterable[str]:
    """Return the names of a record's fields, the tag included."""
    return _shape(type(record)).names


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a field may hold: the types that MessagePack gives, and how to convert them.

    Without `convert` the value stays as read.
    """

    types: frozenset[type]
    convert: _Convert | None = None


class _Shape:
    """How one class of records is written and read."""

    def __init__(self, cls: type) -> None:
        if not is_dataclass(cls):
            raise TypeError(f"{cls.__name__} is no record")
        hints = hints_of(cls)
        self._name_sets = {
            each.name: each.metadata[_SPELLED] for each in fields(cls) if _SPELLED in each.metadata
        }
        own = [e for e in fields(cls) if _FLAT not in e.metadata and e.name not in self._name_sets]
        self.cls = cls
        self.tag: str | None = getattr(cls, "t", None)
        self.names = (*(("t",) if self.tag is not None else ()), *(each.name for each in own))
        self._required = {
            each.name for each in own if each.default is MISSING and each.default_factory is MISSING
        }
        self._sparse = {e.name: e.default for e in own if _SPARSE in e.metadata}
        self._flat = next((e.name for e in fields(cls) if _FLAT in e.metadata), None)
        self._flat_kinds = _members(hints[self._flat]) if self._flat else ()
        self._plain = not self._sparse and not self._flat and not self._name_sets
        self._values = _tuple_getter(attrgetter, self.names)
        self._kinds = [_kind(hints[each.name], f"{cls.__name__}.{each.name}") for each in own]
        self._read = tuple(each.name for each in own)
        self._items = _tuple_getter(itemgetter, self._read)
        self._convert = [
            (name, kind.convert)
            for name, kind in zip(self._read, self._kinds, strict=True)
            if kind.convert is not None
        ]
        self._known: set[tuple[type, ...]] = set()
        """Combinations of field types found valid: few, since each field has few."""

    def as_map(self, record: Any) -> dict[str, Any]:
        """Return the map of a record; records in it are still records."""
        body = dict(zip(self.names, self._values(record), strict=True))
        if self._plain:
            return body
        for name, default in self._sparse.items():
            if body[name] == default:
                del body[name]
        for name, spelled in self._name_sets.items():
            held: frozenset[str] = getattr(record, name)
            body.update((each, each in held) for each in spelled)
            if others := held.difference(spelled):
                body[name] = sorted(others)
        if self._flat and (part := getattr(record, self._flat)) is not None:
            body.update(_shape(type(part)).as_map(part))
        return body

    def read(self, body: Any) -> Any:
        """Return the record of a map; the map is consumed."""
        if type(body) is not dict:
            raise ValueError(f"{self.cls.__name__}: {body!r} is no map")
        body.pop("t", None)
        for name, default in self._sparse.items():
            body.setdefault(name, default)
        sets = {name: self._names(body, name, each) for name, each in self._name_sets.items()}
        part = self._part(body) if self._flat else None
        try:
            values = self._items(body)
        except KeyError:
            self._read_older(body)
        else:
            if len(body) > len(values):
                self._drop_unknown(body)
            types = tuple(map(type, values))
            if types not in self._known:
                self._check(values, types)
            for name, convert in self._convert:
                body[name] = convert(body[name])
        if part is not None and self._flat:
            body[self._flat] = part
        body.update(sets)
        return self.cls(**body)

    def _read_older(self, body: dict[str, Any]) -> None:
        """Read a map that lacks optional fields."""
        if missing := self._required - body.keys():
            raise ValueError(f"{self.cls.__name__}.{min(missing)} is missing")
        self._drop_unknown(body)
        for name, kind in zip(self._read, self._kinds, strict=True):
            if name in body:
                body[name] = self._checked(name, kind, body[name])

    def _drop_unknown(self, body: dict[str, Any]) -> None:
        for name in body.keys() - set(self._read):
            del body[name]

    def _names(self, body: dict[str, Any], field: str, spelled: Iterable[str]) -> frozenset[str]:
        """Take a set of names out of the map."""
        told = {name: body.pop(name, False) for name in spelled}
        others = body.pop(field, [])
        for name, value in told.items():
            if type(value) is not bool:
                raise ValueError(_ill_typed(f"{self.cls.__name__}.{name}", value))
        if type(others) is not list or any(type(each) is not str for each in others):
            raise ValueError(_ill_typed(f"{self.cls.__name__}.{field}", others))
        return frozenset(others).union(name for name, value in told.items() if value)

    def _part(self, body: dict[str, Any]) -> Any:
        """Take the fields of the flat record out of the map and read them."""
        rest = {name: body.pop(name) for name in body.keys() - set(self._read)}
        shapes = [_shape(cls) for cls in self._flat_kinds]
        for shape in shapes:
            if shape._required <= rest.keys():
                return shape.read(rest)
        for shape in shapes:
            if rest.keys() & set(shape.names):
                name = min(shape._required - rest.keys())
                raise ValueError(f"{shape.cls.__name__}.{name} is missing")
        return None

    def _check(self, values: tuple[Any, ...], types: tuple[type, ...]) -> None:
        for name, kind, value in zip(self._read, self._kinds, values, strict=True):
            if type(value) not in kind.types:
                raise ValueError(_ill_typed(f"{self.cls.__name__}.{name}", value))
        self._known.add(types)

    def _checked(self, name: str, kind: _Kind, value: Any) -> Any:
        if type(value) not in kind.types:
            raise ValueError(_ill_typed(f"{self.cls.__name__}.{name}", value))
        return value if kind.convert is None else kind.convert(value)


_shapes: dict[type, _Shape] = {}


def _shape(cls: type) -> _Shape:
    try:
        return _shapes[cls]
    except KeyError:
        return _shapes.setdefault(cls, _Shape(cls))


def _nested(value: Any) -> Any:
    """Return a value that MessagePack can hold, in place of one that it cannot."""
    kind = type(value)
    shape = _shapes.get(kind)
    if shape is None:
        if isinstance(value, Enum):
            return value.value
        shape = _shape(kind)
    return shape.as_map(value)


_packer = msgpack.Packer(default=_nested)


def _kind(hint: Any, where: str) -> _Kind:
    """Return what a field with this type hint may hold; `where` names it in errors."""
    if hint in _PLAIN:
        return _Kind(_PLAIN[hint])
    origin = get_origin(hint)
    if origin is Literal:
        return _literal(get_args(hint), where)
    if origin is tuple:
        return _many(_kind(get_args(hint)[0], where), where)
    if isinstance(hint, type) and issubclass(hint, tuple):
        return _named_tuple(hint, where)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _Kind(frozenset({str}), hint)
    if isinstance(hint, type) and is_dataclass(hint):
        return _Kind(frozenset({dict}), _shape(hint).read)
    if origin not in (Union, UnionType):
        raise TypeError(f"{where}: no wire type for {hint}")
    members = _members(hint)
    optional = frozenset({NoneType} if NoneType in get_args(hint) else ())
    if all(is_dataclass(each) for each in members):
        return _optional(_Kind(frozenset({dict}), _records(members)), optional)
    kinds = [_kind(each, where) for each in members]
    if len(kinds) > 1 and any(kind.convert for kind in kinds):
        raise TypeError(f"{where}: cannot tell apart {hint}")
    types = frozenset().union(*(kind.types for kind in kinds))
    return _optional(_Kind(types, kinds[0].convert), optional)


def _optional(kind: _Kind, none: frozenset[type]) -> _Kind:
    convert = kind.convert
    if convert is None or not none:
        return _Kind(kind.types | none, convert)
    return _Kind(kind.types | none, lambda value: None if value is None else convert(value))


def _members(union: Any) -> tuple[Any, ...]:
    return tuple(each for each in get_args(union) if each is not NoneType)


def _literal(choices: tuple[Any, ...], where: str) -> _Kind:
    def convert(value: Any) -> Any:
        if value not in choices:
            raise ValueError(_ill_typed(where, value))
        return value

    return _Kind(frozenset({str}), convert)


def _many(kind: _Kind, where: str) -> _Kind:
    types, convert = kind.types, kind.convert

    def convert_all(values: list[Any]) -> tuple[Any, ...]:
        for value in values:
            if type(value) not in types:
                raise ValueError(_ill_typed(where, value))
        return tuple(values if convert is None else map(convert, values))

    return _Kind(frozenset({list}), convert_all)


def _named_tuple(cls: Any, where: str) -> _Kind:
    kinds = [_kind(hint, where) for hint in hints_of(cls).values()]

    def convert(values: list[Any]) -> Any:
        if len(values) != len(kinds):
            raise ValueError(_ill_typed(where, values))
        for value, kind in zip(values, kinds, strict=True):
            if type(value) not in kind.types:
                raise ValueError(_ill_typed(where, value))
        return cls(*values)

    return _Kind(frozenset({list}), convert)


def _records(kinds: Iterable[Any]) -> _Convert:
    """Return the function that reads the map of one of these records."""
    shapes = [_shape(cls) for cls in kinds]
    if len(shapes) == 1:
        return _only(shapes[0])
    by_tag = {shape.tag: shape for shape in shapes}
    if None in by_tag or len(by_tag) < len(shapes):
        raise TypeError(f"records without a tag of their own: {[s.cls.__name__ for s in shapes]}")

    def convert(body: Any) -> Any:
        tag = body.get("t") if type(body) is dict else None
        shape = by_tag.get(tag) if type(tag) is str else None
        if shape is None:
            raise ValueError(f"{tag!r} is none of {', '.join(map(str, by_tag))}")
        return shape.read(body)

    return convert


def _only(shape: _Shape) -> _Convert:
    if shape.tag is None:
        return shape.read

    def convert(body: Any) -> Any:
        tag = body.get("t") if type(body) is dict else None
        if tag != shape.tag:
            raise ValueError(f"{tag!r} is no {shape.tag}")
        return shape.read(body)

    return convert


def _ill_typed(where: str, value: Any) -> str:
    return f"{where} cannot be {value!r}"


def _tuple_getter(make: Callable[..., Any], names: tuple[str, ...]) -> Callable[[Any], Any]:
    """Return `make(*names)`; unlike the originals, it gives a tuple for one name too."""
    if not names:
        return lambda _: ()
    if len(names) > 1:
        getter: Callable[[Any], Any] = make(*names)
        return getter
    one = make(*names)
    return lambda source: (one(source),)
