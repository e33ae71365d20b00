"""Audio files as blocks of samples, never whole in memory.

WAV (PCM, float, G.711), FLAC, Ogg Vorbis, Opus and MP3, through libsndfile.
"""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import soundfile

from common.audio import FloatArray
from common.errors import CallscribeError
from gateway.protocols.commands import MAX_CHANNELS, MAX_SAMPLE_RATE, MIN_SAMPLE_RATE

MIX = 0
"""In place of a channel's number: the mean of all channels."""


class AudioFileError(CallscribeError):
    """The file is missing, not audio, broken, or unusable for a call; the message names it."""


class AudioFile:
    """An open audio file; a context manager.

    `rate` in Hz and `channels` are valid for a call; `duration` in seconds comes from the file's
    header. With `channel`, only that one of the file's is read, counted from 1, or the mean of all
    of them (`MIX`). Opening raises AudioFileError.
    """

    def __init__(self, path: Path, channel: int | None = None) -> None:
        if not path.is_file():
            raise AudioFileError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
        try:
            self._file = soundfile.SoundFile(path)
        except (OSError, soundfile.SoundFileError) as error:
            raise AudioFileError(f"{path}: not an audio file that can be read") from error
        self.path = path
        self.rate: int = self._file.samplerate
        self._channel = channel
        self.channels: int = self._file.channels if channel is None else 1
        self.duration: float = self._file.frames / self.rate
        self._position = 0
        """Samples read of each channel."""
        problem = self._problem()
        if problem is not None:
            self.close()
            raise AudioFileError(f"{path}: {problem}")

    def _problem(self) -> str | None:
        there = self._file.channels
        if self._channel is not None and self._channel > there:
            return f"no channel {self._channel}; it has {there}"
        if self.channels > MAX_CHANNELS:
            return f"{self.channels} channels; a call has 1 or {MAX_CHANNELS}"
        if not MIN_SAMPLE_RATE <= self.rate <= MAX_SAMPLE_RATE:
            return f"{self.rate} Hz; a call has {MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE}"
        return None if self._file.frames else "no audio in it"

    def blocks(self, seconds: float) -> Iterator[FloatArray]:
        """Yield float32 [n, channels] in [-1, 1], from where the last read ended to the end.

        n is `seconds` of samples, rounded, except in the last block. Values beyond 1 in a file of
        floats are clipped. AudioFileError for a truncated file, or for a sample that is infinite or
        not a number.
        """
        size = max(1, round(seconds * self.rate))
        while True:
            try:
                block = self._file.read(size, dtype="float32", always_2d=True)
            except soundfile.SoundFileError as error:
                raise AudioFileError(f"{self.path}: broken audio: {error}") from error
            if not len(block):
                return
            block = self._chosen(block)
            self._check_finite(block)
            self._position += len(block)
            yield np.clip(block, -1, 1, out=block)

    def _chosen(self, block: FloatArray) -> FloatArray:
        if self._channel is None:
            return block
        if self._channel == MIX:
            mean: FloatArray = block.mean(axis=1, keepdims=True)
            return mean
        return block[:, self._channel - 1 : self._channel]

    def _check_finite(self, block: FloatArray) -> None:
        finite = np.isfinite(block).all(axis=1)
        if not finite.all():
            at = self._position + int(finite.argmin())
            where = f"sample {at}, at {at / self.rate:.3f} s"
            raise AudioFileError(f"{self.path}: {where}, is infinite or not a number")

    def close(self) -> None:
        """Close the file; a second time does nothing."""
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
