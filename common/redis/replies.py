"""What Redis answers, taken apart."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def pairs(reply: Sequence[T]) -> Iterator[tuple[T, T]]:
    """Iterate over names and values that come in turns; ValueError where the last has no value."""
    return zip(reply[::2], reply[1::2], strict=True)
