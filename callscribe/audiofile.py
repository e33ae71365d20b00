"""Recordings as blocks of samples, never whole in memory: files, pipes, and stdin as ``-``.

They are read as the server reads uploads (`common.media`).
"""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np

from common.audio import FloatArray
from common.errors import CallscribeError
from common.media import CANCELLED, Media, NotAudio
from gateway.protocols.commands import MAX_CHANNELS, MAX_SAMPLE_RATE, MIN_SAMPLE_RATE

MIX = 0
"""In place of a channel's number: all channels in one."""
STDIN = Path("-")
_PATIENCE = 1.0
"""Seconds for a read under way when the file is closed."""


class AudioFileError(CallscribeError):
    """The file is missing, not audio, broken, or unusable for a call; the message names it."""


def is_read_once(path: Path) -> bool:
    """Whether what was read is gone: a pipe. Raises AudioFileError if nothing can be read there."""
    if path == STDIN:
        return True
    if not path.exists():
        raise AudioFileError(f"{path}: no such file")
    if path.is_dir():
        raise AudioFileError(f"{path}: not a file")
    return not path.is_file()


class AudioFile:
    """An open recording; a context manager.

    `rate` in Hz and `channels` are valid for a call; `duration` in seconds comes from the file's
    header, 0 where it says nothing. With `channel`, only that one of the file's is read, counted
    from 1, or all of them in one (`MIX`). Opening raises AudioFileError.
    """

    def __init__(self, path: Path, channel: int | None = None) -> None:
        is_read_once(path)
        self.path = path
        self._channel = channel
        self._file: BinaryIO | None = None
        self._reading = threading.Lock()
        self._closed = False
        try:
            self._file = sys.stdin.buffer if path == STDIN else path.open("rb")
            self._media = Media(self._file)
            self._blocks = self._media.blocks(mono=channel == MIX)
            self._first = next(self._blocks)  # or NotAudio
        except (OSError, NotAudio) as error:
            self._close_file()
            reason = error.strerror if isinstance(error, OSError) else error
            text = f"{path}: not an audio file that can be read: {reason}"
            raise AudioFileError(text) from error
        self.rate = self._media.rate
        self.channels = self._media.channels if channel is None else 1
        self.duration = self._media.duration or 0.0
        problem = self._problem()
        if problem is not None:
            self.close()
            raise AudioFileError(f"{path}: {problem}")

    def _problem(self) -> str | None:
        there = self._media.channels
        if self._channel is not None and self._channel > there:
            return f"no channel {self._channel}; it has {there}"
        if self.channels > MAX_CHANNELS:
            return f"{self.channels} channels; a call has 1 or {MAX_CHANNELS}"
        if not MIN_SAMPLE_RATE <= self.rate <= MAX_SAMPLE_RATE:
            return f"{self.rate} Hz; a call has {MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE}"
        return None

    @property
    def remark(self) -> str:
        """What is to be told of a file that was read to its end, and is whole; empty if nothing."""
        return CANCELLED if self._media.cancelled else ""

    def blocks(self, seconds: float) -> Iterator[FloatArray]:
        """Yield float32 [n, channels] in [-1, 1] to the end.

        n is `seconds` of samples, rounded, except in the last block. Values beyond 1 in a file of
        floats are clipped. AudioFileError, after all that could be read: for a file that is damaged
        or broken off, and for a sample that is infinite or not a number.
        """
        size = max(1, round(seconds * self.rate))
        kept: list[FloatArray] = []
        problem: object = None
        try:
            for block in self._read():
                kept.append(self._chosen(block))
                if sum(map(len, kept)) >= size:
                    whole = np.concatenate(kept)
                    end = len(whole) - len(whole) % size
                    yield from np.split(whole[:end], end // size)
                    kept = [whole[end:]]
        except NotAudio as error:
            problem = error
        if kept and len(rest := np.concatenate(kept)):
            yield rest
        problem = problem or self._media.damage
        if problem is not None:
            raise AudioFileError(f"{self.path}: {problem}")

    def _read(self) -> Iterator[FloatArray]:
        """Yield what the file holds; ends when another thread closes it."""
        yield self._first
        while True:
            with self._reading:
                block = None if self._closed else next(self._blocks, None)
            if block is None:
                return
            yield block

    def _chosen(self, block: FloatArray) -> FloatArray:
        if self._channel is None or self._channel == MIX:
            return block
        return block[:, self._channel - 1 : self._channel]

    def close(self) -> None:
        """Close the file; a second time does nothing.

        A thread that reads it has its turn first. A pipe that gives nothing is left to that thread.
        """
        self._closed = True
        if self._reading.acquire(timeout=_PATIENCE):
            try:
                self._media.close()
                self._close_file()
            finally:
                self._reading.release()

    def _close_file(self) -> None:
        if self._file is not None and self.path != STDIN:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
