"""Bounds of what files may take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLimits:
    """Files at a time, and the bytes and the seconds of audio of each."""

    places: int
    bytes: int
    seconds: float
