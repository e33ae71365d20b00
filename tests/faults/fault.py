"""A fault of one line."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """A piece of text that stands once in a file, and what a mistake would have made of it."""

    path: str
    old: str
    new: str
