"""The encoding of commands and replies, and the meaning of refusals."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import hiredis

Argument: TypeAlias = bytes | str | int | float
Command: TypeAlias = tuple[Argument, ...]
Reply: TypeAlias = Any
Part: TypeAlias = tuple[bytes, bytes, int]
"""Encoded commands that stay together: a key with the slot of them all, the RESP, their count."""
CommandError: TypeAlias = hiredis.ReplyError
"""Redis's refusal of one command, in the place of its reply."""

_PASSING = {
    *("OOM", "MISCONF", "BUSY", "NOREPLICAS", "UNBLOCKED", "EXECABORT"),
    *("READONLY", "LOADING", "MASTERDOWN"),
    *("CLUSTERDOWN", "TRYAGAIN"),
}
_UNFIT = {"READONLY", "LOADING", "MASTERDOWN"}
_KEY_THIRD = {"XGROUP", "XINFO", "OBJECT", "MEMORY"}
_DENIED = ("NOPERM", "ERR The user executing the script can't", "ERR ACL failure in script")
"""What Redis says of a command; what Redis 7 and Valkey say of one that a script runs."""
_DISCARDED = "EXECABORT Transaction discarded because of: "


def encode(commands: Sequence[Command]) -> bytes:
    """Encode commands as RESP."""
    # hiredis declares a one-element tuple; it takes any length.
    return b"".join([hiredis.pack_command(command) for command in commands])  # type: ignore[arg-type]


_BEGIN, _END = encode([("MULTI",)]), encode([("EXEC",)])


def transaction(encoded: Sequence[bytes]) -> bytes:
    """Return encoded commands as one transaction, with two more replies than commands.

    The last reply is the list of their results; the others say whether each was accepted.
    """
    return b"".join([_BEGIN, *encoded, _END])


def key_of(command: Command) -> bytes:
    """Return the first key of a command; anything if it has none."""
    name = _bytes(command[0]).decode().upper()
    if name in ("XREAD", "XREADGROUP"):
        return _bytes(command[[*map(_bytes, command)].index(b"STREAMS") + 1])
    if name in ("EVAL", "EVALSHA"):
        return _bytes(command[3]) if int(command[2]) else b""
    place = 2 if name in _KEY_THIRD else 1
    return _bytes(command[place]) if len(command) > place else b""


def asking(data: bytes, count: int) -> tuple[bytes, list[int]]:
    """Encode commands for a node that is receiving their slot; also return their replies' indices.

    ASKING applies to one command, or before MULTI to a whole transaction.
    """
    reader = hiredis.Reader()
    reader.feed(data)
    asked: list[Command] = []
    places: list[int] = []
    whole = False
    for _ in range(count):
        command = tuple(reader.gets())
        if not whole:
            asked.append(("ASKING",))
        places.append(len(asked))
        asked.append(command)
        whole = (whole or command[0].upper() == b"MULTI") and command[0].upper() != b"EXEC"
    return encode(asked), places


def passing_refusal(reply: Reply) -> str | None:
    """Return the words of a temporary refusal: the server is full, loading or failing over.

    In a transaction any command may have one: a script finds Redis full only as it runs.
    """
    if isinstance(reply, list):
        # Replies to reads begin with a stream or an entry; they are not searched on every tick.
        if not reply or isinstance(reply[0], list):
            return None
        return next((words for each in reply if (words := passing_refusal(each))), None)
    if not isinstance(reply, hiredis.ReplyError):
        return None
    words = str(reply)
    if words.partition(" ")[0] not in _PASSING:
        return None
    return words.removeprefix(_DISCARDED)


def is_passing(reply: Reply) -> bool:
    """Tell a temporary refusal; see `passing_refusal`."""
    return passing_refusal(reply) is not None


def is_denied(refusal: CommandError) -> bool:
    """Tell the refusal of a command, or of one that a script runs, for want of a right."""
    return str(refusal).startswith(_DENIED)


def command_at(data: bytes, index: int) -> Command:
    """Return one of several encoded commands."""
    reader = hiredis.Reader()
    reader.feed(data)
    for _ in range(index):
        reader.gets()
    return tuple(reader.gets())


def is_known_id(refusal: CommandError) -> bool:
    """Tell the refusal of an entry whose id is not larger than the last one of its stream."""
    return "equal or smaller" in str(refusal)


def redirection(reply: Reply) -> tuple[str, str, int] | None:
    """Return MOVED or ASK, host and port, if the reply is a redirection.

    The host is empty if it is the one that was asked.
    """
    if not isinstance(reply, hiredis.ReplyError):
        return None
    kind, _, rest = str(reply).partition(" ")
    if kind not in ("MOVED", "ASK"):
        return None
    host, _, port = rest.partition(" ")[2].rpartition(":")
    return kind, host, int(port)


def is_unfit(reply: Reply) -> bool:
    """Tell whether this reply says that the server is not a usable master."""
    if not isinstance(reply, hiredis.ReplyError):
        return False
    return str(reply).removeprefix(_DISCARDED).partition(" ")[0] in _UNFIT


def _bytes(argument: Argument) -> bytes:
    return argument if isinstance(argument, bytes) else str(argument).encode()
