"""Commands and replies as they go over a connection, and what a refusal means."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import hiredis

Argument: TypeAlias = bytes | str | int | float
Command: TypeAlias = tuple[Argument, ...]
Reply: TypeAlias = Any
Part: TypeAlias = tuple[bytes, bytes, int]
"""Encoded commands that stay together: a key whose slot all theirs share, the RESP, their count."""
CommandError: TypeAlias = hiredis.ReplyError
"""Redis's refusal of one command; it stands in that command's place."""

_PASSING = {
    *("OOM", "MISCONF", "BUSY", "NOREPLICAS", "UNBLOCKED", "EXECABORT"),
    *("READONLY", "LOADING", "MASTERDOWN"),
    *("CLUSTERDOWN", "TRYAGAIN"),
}
_UNFIT = {"READONLY", "LOADING", "MASTERDOWN"}
_KEY_THIRD = {"XGROUP", "XINFO", "OBJECT", "MEMORY"}
_DISCARDED = "EXECABORT Transaction discarded because of: "


def encode(commands: Sequence[Command]) -> bytes:
    """Encode commands as RESP."""
    # hiredis declares a one-element tuple; it takes any length.
    return b"".join([hiredis.pack_command(command) for command in commands])  # type: ignore[arg-type]


_BEGIN, _END = encode([("MULTI",)]), encode([("EXEC",)])


def transaction(encoded: Sequence[bytes]) -> bytes:
    """Return encoded commands as one transaction, which has two replies more than they have.

    The last reply is the list of theirs; before it, each was told whether it was accepted.
    """
    return b"".join([_BEGIN, *encoded, _END])


def key_of(command: Command) -> bytes:
    """Return the first key a command touches; of one that has none, anything."""
    name = _bytes(command[0]).decode().upper()
    if name in ("XREAD", "XREADGROUP"):
        return _bytes(command[[*map(_bytes, command)].index(b"STREAMS") + 1])
    if name in ("EVAL", "EVALSHA"):
        return _bytes(command[3]) if command[2] else b""
    place = 2 if name in _KEY_THIRD else 1
    return _bytes(command[place]) if len(command) > place else b""


def asking(data: bytes, count: int) -> tuple[bytes, list[int]]:
    """Return encoded commands for a node that is receiving their slot, and where their replies are.

    ASKING holds for one command, or for a whole transaction when it comes before MULTI.
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


def is_passing(reply: Reply) -> bool:
    """Tell a refusal that a healthy server would not give: full, loading, failing over.

    Of a transaction, what one of its commands was told: a script finds Redis full only as it runs.
    """
    if isinstance(reply, list):
        # What was read begins with a stream or an entry, and is not looked through on every tick.
        return bool(reply) and not isinstance(reply[0], list) and any(map(is_passing, reply))
    return isinstance(reply, hiredis.ReplyError) and str(reply).partition(" ")[0] in _PASSING


def any_passing(replies: Sequence[Reply]) -> bool:
    """Tell whether any reply is a refusal that will pass."""
    # Nearly all are ids, told apart at a tenth of what the question costs.
    return any(is_passing(reply) for reply in replies if type(reply) is not bytes)


def is_known_id(refusal: CommandError) -> bool:
    """Tell the refusal of an entry whose id is not larger than the last one of its stream."""
    return "equal or smaller" in str(refusal)


def redirection(reply: Reply) -> tuple[str, str, int] | None:
    """Return MOVED or ASK, host and port, when the reply sends elsewhere.

    The host is empty when it is the one that was asked.
    """
    if not isinstance(reply, hiredis.ReplyError):
        return None
    kind, _, rest = str(reply).partition(" ")
    if kind not in ("MOVED", "ASK"):
        return None
    host, _, port = rest.partition(" ")[2].rpartition(":")
    return kind, host, int(port)


def is_unfit(reply: Reply) -> bool:
    """Tell that the server, by this reply, is no master that can be used."""
    if not isinstance(reply, hiredis.ReplyError):
        return False
    return str(reply).removeprefix(_DISCARDED).partition(" ")[0] in _UNFIT


def _bytes(argument: Argument) -> bytes:
    return argument if isinstance(argument, bytes) else str(argument).encode()
