"""From a file of any common kind to PCM16LE at 16 kHz, in pieces. Blocking: for a thread.

The rate is converted as in live calls, from samples of 16 bits, so that the recogniser gets the
same samples.
"""

import threading
from collections.abc import Generator, Iterator
from http import HTTPStatus
from typing import BinaryIO

from common.audio import BYTES_PER_SAMPLE, SAMPLE_RATE, float_to_pcm16, rounded_to_16_bits
from common.media import CANCELLED, Media, NotAudio, Samples, is_contained
from gateway.files.refusal import FileRefused, bad_request
from gateway.files.transcript import Raw
from gateway.protocols.commands import MAX_CHANNELS, MAX_SAMPLE_RATE, MIN_SAMPLE_RATE, Encoding
from gateway.uplink.resampler import Resampler

_PIECE = SAMPLE_RATE // 2
"""Frames at 16 kHz of a piece at least. Decoding it takes a few milliseconds."""
_RAW: dict[Encoding, str] = {
    "pcm16": "s16le",
    "float32": "f32le",
    "mulaw": "mulaw",
    "alaw": "alaw",
}


class AudioFile:
    """The audio of one file. Its methods block; any thread may call them, one after another.

    Two channels are kept apart if `apart`; otherwise all channels are mixed to one. `most` is how
    many seconds of audio it may have. `raw` is what the samples are if the file has no container.
    All methods raise FileRefused for what is no audio, or too long.
    """

    def __init__(self, file: BinaryIO, *, apart: bool, most: float, raw: Raw | None = None) -> None:
        self._most = most
        self._lock = threading.Lock()
        # Clients name an encoding for files that have it in their header.
        bare = raw is not None and not is_contained(file)
        samples = Samples(_RAW[raw.encoding], raw.rate, raw.channels) if raw and bare else None
        try:
            self._media = Media(file, samples)
        except NotAudio as error:
            raise _no_audio(str(error)) from None
        try:
            self.channels = _channels(self._media, apart=apart)
            if (self._media.duration or 0.0) > most:
                raise _too_long(most)
        except BaseException:
            self._media.close()
            raise
        self._pieces = self._read()

    @property
    def remarks(self) -> list[str]:
        """What is wrong with the file, in words, once all is read."""
        found = [] if self._media.damage is None else [f"the file is {self._media.damage}"]
        if self._media.cancelled:
            found.append(CANCELLED)
        return found

    def read(self) -> bytes:
        """Return the next piece, its channels interleaved; empty at the end."""
        with self._lock:
            try:
                return next(self._pieces, b"")
            except NotAudio as error:
                raise _no_audio(str(error)) from None

    def close(self) -> None:
        """Free what it holds; waits for a `read` in another thread."""
        with self._lock:
            self._pieces.close()
            self._media.close()

    def _read(self) -> Generator[bytes, None, None]:
        piece, frames = bytearray(), 0
        for data in self._at_16_khz():
            piece += data
            if len(piece) >= _PIECE * BYTES_PER_SAMPLE * self.channels:
                frames += len(piece) // (BYTES_PER_SAMPLE * self.channels)
                if frames > self._most * SAMPLE_RATE:
                    raise _too_long(self._most)
                yield bytes(piece)
                piece.clear()
        if piece:
            yield bytes(piece)

    def _at_16_khz(self) -> Iterator[bytes]:
        rate = self._media.rate
        resampler = None if rate == SAMPLE_RATE else Resampler(rate, self.channels)
        for block in self._media.blocks(mono=self.channels == 1):
            if resampler is not None:
                block = resampler.push(rounded_to_16_bits(block))
            yield float_to_pcm16(block)
        if resampler is not None:
            yield float_to_pcm16(resampler.flush())


def _channels(media: Media, *, apart: bool) -> int:
    if not MIN_SAMPLE_RATE <= media.rate <= MAX_SAMPLE_RATE:
        text = (
            f"its sample rate is {media.rate} Hz; {MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE} are read"
        )
        raise _no_audio(text)
    if apart and media.channels > MAX_CHANNELS:
        text = f"it has {media.channels} channels; at most {MAX_CHANNELS} can be kept apart"
        raise bad_request("too_many_channels", text)
    return media.channels if apart else 1


def _no_audio(text: str) -> FileRefused:
    return FileRefused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not_audio", text)


def _too_long(most: float) -> FileRefused:
    text = f"the audio is longer than {most:g} s"
    return FileRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "audio_too_long", text)
