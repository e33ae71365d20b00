"""Docker's name server for a test: a service's name stands for the addresses of its containers."""

import socket
import struct
import threading
from collections.abc import Callable, Sequence

_A, _IN = 1, 1
_NO_ERROR, _NO_SUCH_NAME = 0, 3
_ANSWER = 0x8180


class NameServer:
    """Answers on UDP at `address`, from a thread of its own, until it is closed.

    `find` returns a name's IPv4 addresses, None for a name that nobody has.
    """

    def __init__(self, address: str, find: Callable[[str], Sequence[str] | None]) -> None:
        self._find = find
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 0))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def endpoint(self) -> str:
        """Where it listens, as `address:port`."""
        host, port = self._socket.getsockname()
        return f"{host}:{port}"

    def close(self) -> None:
        """Stop answering."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            query, client = self._socket.recvfrom(4096)
            if not query:
                return
            self._socket.sendto(reply(query, self._find), client)


def reply(query: bytes, find: Callable[[str], Sequence[str] | None]) -> bytes:
    """Answer a query with one question, as RFC 1035 has it."""
    (identity,) = struct.unpack_from("!H", query)
    labels, place = [], 12
    while size := query[place]:
        labels.append(query[place + 1 : place + 1 + size].decode())
        place += 1 + size
    question = query[12 : place + 5]
    kind, _ = struct.unpack_from("!HH", query, place + 1)
    found = find(".".join(labels))
    addresses = found if found and kind == _A else ()
    flags = _ANSWER | (_NO_SUCH_NAME if found is None else _NO_ERROR)
    head = struct.pack("!HHHHHH", identity, flags, 1, len(addresses), 0, 0)
    return head + question + b"".join(map(_record, addresses))


def _record(address: str) -> bytes:
    """Return an address record whose name is that of the question, valid for no time."""
    return struct.pack("!HHHIH", 0xC00C, _A, _IN, 0, 4) + socket.inet_aton(address)
