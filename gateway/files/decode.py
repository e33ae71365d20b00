"""From a file of any common kind to PCM16LE at 16 kHz, in pieces. Blocking: for a thread.

FFmpeg's libraries read containers and codecs. The rate is converted as in live calls, so that the
recogniser gets the same samples. The formats that name other files or addresses (playlists) are
left out: a file must not make the gateway read another.
"""

import threading
from collections.abc import Generator, Iterator
from http import HTTPStatus
from typing import BinaryIO, cast

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.container import InputContainer

from common.audio import BYTES_PER_SAMPLE, SAMPLE_RATE, float_to_pcm16
from gateway.files.refusal import FileRefused, bad_request
from gateway.files.transcript import Raw
from gateway.protocols.commands import MAX_CHANNELS, MAX_SAMPLE_RATE, MIN_SAMPLE_RATE, Encoding
from gateway.uplink.resampler import Resampler

_PIECE = SAMPLE_RATE // 2
"""Frames at 16 kHz of a piece at least. Decoding it takes a few milliseconds."""
_FORMATS = (
    *("aac", "ac3", "aiff", "amr", "amrnb", "amrwb", "ape", "asf", "au", "avi", "caf", "eac3"),
    *("flac", "flv", "gsm", "matroska", "webm", "mov", "mp4", "m4a", "3gp", "3g2", "mj2", "mp3"),
    *("mpeg", "mpegts", "nistsphere", "ogg", "tta", "voc", "w64", "wav", "wv"),
)
_OPTIONS = {"format_whitelist": ",".join(_FORMATS), "protocol_whitelist": "none"}
_RAW: dict[Encoding, str] = {
    "pcm16": "s16le",
    "float32": "f32le",
    "mulaw": "mulaw",
    "alaw": "alaw",
}
_FULL_SCALE = np.float32(32_768)


class AudioFile:
    """The audio of one file. Its methods block; any thread may call them, one after another.

    Two channels are kept apart if `apart`; otherwise all channels are mixed to one. `most` is how
    many seconds of audio it may have. `raw` is for samples without a container. All methods raise
    FileRefused for what is no audio, or too long.
    """

    def __init__(self, file: BinaryIO, *, apart: bool, most: float, raw: Raw | None = None) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._container = _open(file, raw)
        try:
            self.channels = _channels(self._container, apart=apart)
            duration = self._container.duration
            if duration is not None and duration > most * av.time_base:
                raise _too_long(most)
        except BaseException:
            self._container.close()
            raise
        self._pieces = self._read()

    def read(self) -> bytes:
        """Return the next piece, its channels interleaved; empty at the end."""
        with self._lock:
            return next(self._pieces, b"")

    def close(self) -> None:
        """Free what it holds; waits for a `read` in another thread."""
        with self._lock:
            self._pieces.close()
            self._container.close()

    def _read(self) -> Generator[bytes, None, None]:
        converter = _Converter(self.channels)
        piece, frames = bytearray(), 0
        for data in converter.convert(_frames(self._container)):
            piece += data
            if len(piece) >= _PIECE * BYTES_PER_SAMPLE * self.channels:
                frames += len(piece) // (BYTES_PER_SAMPLE * self.channels)
                if frames > self._most * SAMPLE_RATE:
                    raise _too_long(self._most)
                yield bytes(piece)
                piece.clear()
        if piece:
            yield bytes(piece)
        elif not frames:
            raise _no_audio("it holds no audio that can be decoded")


class _Converter:
    """Mixes channels and converts rates; a file may change both in its middle."""

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._form: tuple[object, ...] = ()
        self._mixer: AudioResampler | None = None
        self._resampler: Resampler | None = None

    def convert(self, frames: Iterator[AudioFrame]) -> Iterator[bytes]:
        """Yield PCM16LE at 16 kHz."""
        for frame in frames:
            form = (frame.format.name, frame.layout.name, frame.sample_rate)
            if form != self._form:
                yield from self._flush()
                self._begin(frame)
                self._form = form
            yield from self._mixed(frame)
        yield from self._flush()

    def _begin(self, frame: AudioFrame) -> None:
        rate = frame.sample_rate
        if not MIN_SAMPLE_RATE <= rate <= MAX_SAMPLE_RATE:
            text = f"its sample rate is {rate} Hz; {MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE} are read"
            raise _no_audio(text)
        self._mixer = AudioResampler("s16", "stereo" if self._channels == 2 else "mono", rate)
        self._resampler = None if rate == SAMPLE_RATE else Resampler(rate, self._channels)

    def _mixed(self, frame: AudioFrame | None) -> Iterator[bytes]:
        assert self._mixer is not None
        for mixed in self._mixer.resample(frame):
            samples = mixed.to_ndarray().reshape(-1, self._channels)
            if self._resampler is None:
                yield samples.tobytes()
            else:
                floats = samples.astype(np.float32) / _FULL_SCALE
                yield float_to_pcm16(self._resampler.push(floats))

    def _flush(self) -> Iterator[bytes]:
        if self._mixer is not None:
            yield from self._mixed(None)
        if self._resampler is not None:
            yield float_to_pcm16(self._resampler.flush())


def _open(file: BinaryIO, raw: Raw | None) -> InputContainer:
    try:
        if raw is None:
            return av.open(file, "r", container_options=_OPTIONS, metadata_errors="replace")
        options = {"sample_rate": str(raw.rate), "ch_layout": f"{raw.channels}c"}
        return av.open(file, "r", format=_RAW[raw.encoding], container_options=options)
    except (av.FFmpegError, ValueError, OSError):
        raise _no_audio("the file is of no known kind, or damaged from its begin on") from None


def _channels(container: InputContainer, *, apart: bool) -> int:
    if not container.streams.audio:
        raise _no_audio("it has no audio stream")
    # FFmpeg has none for a codec that it does not know, which PyAV's types leave out.
    codec = cast(AudioCodecContext | None, container.streams.audio[0].codec_context)
    if codec is None:
        raise _no_audio("its codec is not known")
    channels = codec.channels
    if apart and channels > MAX_CHANNELS:
        text = f"it has {channels} channels; at most {MAX_CHANNELS} can be kept apart"
        raise bad_request("too_many_channels", text)
    return channels if apart and channels == MAX_CHANNELS else 1


def _frames(container: InputContainer) -> Iterator[AudioFrame]:
    """Decode; what is damaged is left out, as players do."""
    packets = container.demux(container.streams.audio[0])
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            frames = packet.decode()
        except av.InvalidDataError:
            continue
        except (av.FFmpegError, OSError):
            return
        for frame in frames:
            if isinstance(frame, AudioFrame):
                yield frame


def _no_audio(text: str) -> FileRefused:
    return FileRefused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not_audio", text)


def _too_long(most: float) -> FileRefused:
    text = f"the audio is longer than {most:g} s"
    return FileRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "audio_too_long", text)
