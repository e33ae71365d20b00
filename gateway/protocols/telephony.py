"""What the protocols of telephone systems have in common: options, names and errors.

Telephone systems often send numbers, booleans and lists as text. Their messages also carry fields
of the customer's own, so fields that are no options are left out.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Generic, TypeVar

from common.options import OPTIONS, Kind, SessionOptions
from gateway.protocols import fields, naming
from gateway.protocols.api import ClientError
from gateway.protocols.commands import (
    LONGEST_NAME,
    LONGEST_URL,
    MAX_CHANNELS,
    About,
    Digit,
    Mistake,
)
from gateway.protocols.options import readers, with_changes

T = TypeVar("T")

EVENTS = frozenset({"gap", "dtmf"})
"""What a call reports beside its text; a telephone line loses audio and signals digits."""

MOST_REASON = 123
"""Bytes of the reason in a close frame (RFC 6455, 5.5)."""
MOST_EARLY = 1 << 17
"""Bytes that are held of what comes before the message that opens its call: 3 s at 16 kHz."""
_EACH = 256
"""Bytes that a held message takes beside its own."""

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_DIGITS = "0123456789ABCD*#"


def loose(kind: Kind, read: fields.Reader) -> fields.Reader:
    """Let `read` also accept a value of this kind that is spelled as text.

    A list is spelled with commas. 0 and 1 are booleans, too, and 8000.0 is a whole number.
    """
    return lambda name, value: read(name, _typed(kind, value))


NAME = fields.printable(LONGEST_NAME)
"""Reader of a name: of a call, a conversation or a channel."""

READERS: Mapping[str, fields.Reader] = {
    **{name: loose(OPTIONS[name].kind, read) for name, read in readers().items()},
    "channel_labels": loose(Kind.TEXTS, fields.texts(MAX_CHANNELS, LONGEST_NAME)),
    "conversation_id": NAME,
    "webhook": fields.printable(LONGEST_URL),
}
"""Readers of all session options, and of what a client says of its call."""


def pick(known: Mapping[str, fields.Reader], given: Mapping[str, object]) -> dict[str, Any]:
    """Read the fields that are known; others are left out, and so are empty texts.

    An empty language is one to detect.
    """
    wanted = {
        name: value
        for name, value in given.items()
        if name in known and (value != "" or name == "language")
    }
    return fields.read_fields(known, wanted)


def pick_own(
    known: Mapping[str, fields.Reader], given: Mapping[str, object]
) -> tuple[dict[str, Any], list[Mistake]]:
    """Read like `pick`, of fields that are the customer's own as well.

    One that only happens to be called like an option must not end a call: what cannot be read is
    left out, and told.
    """
    read: dict[str, Any] = {}
    mistakes: list[Mistake] = []
    for name, value in given.items():
        try:
            read |= pick(known, {name: value})
        except ClientError as error:
            mistakes.append(left_out(error))
    return read, mistakes


def left_out(error: ClientError) -> Mistake:
    """Return what is told of fields that were not used."""
    return Mistake(error.code, f"{error.message}; it was left out, and the call goes on")


class Early(Generic[T]):
    """Holds what comes before the message that opens its call, in order.

    Of more than `MOST_EARLY` bytes the newest are left out.
    """

    def __init__(self, opening: str) -> None:
        self._opening = opening
        self._held: list[T] = []
        self._bytes = 0

    def hold(self, message: T, size: int) -> None:
        """Hold one of `size` bytes. Raises `ClientError` ``start_expected`` if it is left out."""
        self._bytes += size + _EACH
        if self._bytes > MOST_EARLY:
            text = f"too much came before {self._opening}: the newest of it is left out"
            raise ClientError("start_expected", text)
        self._held.append(message)

    def release(self) -> list[T]:
        """Return what was held: the call is open."""
        held, self._held = self._held, []
        return held


def terms(
    defaults: SessionOptions,
    given: Mapping[str, Any],
    *,
    labels: tuple[str, ...],
    name: str = "",
) -> tuple[SessionOptions, About]:
    """Return the options of a call, and what is said of it, from fields that `pick` has read.

    `labels` has one default for each channel, all of them empty where channels have no labels.
    """
    options = with_changes(defaults, given)
    own = given.get("channel_labels", ())
    naming.check_labels(own, len(labels))
    about = own or tuple(label for label in labels if label)
    names = {"conversation": given.get("conversation_id", ""), "name": name}
    return options, About(labels=about, webhook=given.get("webhook", ""), **names)


def digit(channel: int, value: object) -> Digit:
    """Return the command for a signalled digit; raises `ClientError` ``invalid_digit``."""
    if isinstance(value, str) and len(value) == 1 and value.upper() in _DIGITS:
        return Digit(channel, value.upper())
    raise ClientError("invalid_digit", f"a DTMF digit is one of {_DIGITS}")


def reason(message: str) -> str:
    """Shorten a message to the length of a close frame's reason."""
    return message.encode()[:MOST_REASON].decode(errors="ignore")


def _typed(kind: Kind, value: object) -> object:
    """Return what a text spells; the value itself where it spells nothing of the kind."""
    match kind, value:
        case Kind.BOOL, int() if value in (0, 1):
            return bool(value)
        case Kind.BOOL, str():
            return _BOOLEANS.get(value.lower(), value)
        case Kind.INT, float() if value.is_integer():
            return int(value)
        case Kind.INT, str():
            with suppress(ValueError):
                return int(value)
        case Kind.FLOAT, str():
            with suppress(ValueError):
                return float(value)
        case Kind.TEXTS | Kind.LANGUAGES, str():
            return [part.strip() for part in value.split(",") if part.strip()]
        case Kind.TEXTS | Kind.LANGUAGES, _:
            return fields.filled(value)
    return value
