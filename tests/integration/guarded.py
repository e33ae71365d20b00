"""A stack whose gateway needs keys, and keys of every kind."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.integration.conftest import RunningStack, forked_stack
from tests.keys import Keys
from tests.real_redis import real_redis


@dataclass(frozen=True)
class Guarded:
    """A running stack, and the keys that it knows."""

    stack: RunningStack
    keys: Keys

    @property
    def pages(self) -> str:
        """The address of its page and resources."""
        return f"http://127.0.0.1:{self.stack.port}"


@contextmanager
def guarded_stack(folder: Path) -> Iterator[Guarded]:
    """Start a stack that needs keys."""
    keys = Keys(folder / "keys.json")
    with real_redis() as own, forked_stack(own.url, "--keys-file", str(keys.file)) as stack:
        yield Guarded(stack, keys)
