"""Audio of any container and codec, as samples on the container's clock. Blocking.

FFmpeg's libraries read containers and codecs. The formats that name other files or addresses
(playlists) are left out: a file must not make its reader open another.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet

from common import riff
from common.audio import FloatArray
from common.containers import HEAD, form_of
from common.errors import CallscribeError

_FORMATS = (
    *("aac", "ac3", "aiff", "amr", "amrnb", "amrwb", "ape", "asf", "au", "avi", "caf", "eac3"),
    *("flac", "flv", "gsm", "matroska", "webm", "mov", "mp4", "m4a", "3gp", "3g2", "mj2", "mp3"),
    *("mpeg", "mpegts", "nistsphere", "ogg", "tta", "voc", "w64", "wav", "wv"),
)
_OPTIONS = {"format_whitelist": ",".join(_FORMATS), "protocol_whitelist": "none"}
_HOLE_S = 0.1
"""Shorter jumps of a container's clock are its rounding, or the priming of a codec."""
_SILENCE_S = 1.0
"""Seconds of silence in one block."""
_STEREO = 2
CANCELLED = "its channels cancel each other out, so the louder one was taken for both"
"""What is told of a file that is `Media.cancelled`."""
_LITTLE_ENDIAN = re.compile(r"pcm_[sf](16|24|32|64)le")
_MOST_ERRORS = 4_096
"""Times that a reader may find no packet, one after another. Each time it leaves out some bytes."""
_CUT_SHORT = 0.98
"""Less than this share of what the header announces was broken off. Headers round."""
_CANCELLED = 0.01
"""Of the louder channel's power, −20 dB. A voice on one channel alone leaves 0.25."""


class NotAudio(CallscribeError):
    """The file cannot be read as audio; the message says why, without its name."""


class _Unusable(Exception):
    """A sample that cannot be computed with; nothing behind it counts."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples without a container: FFmpeg's name of their format, Hz, and how many channels."""

    format: str
    rate: int
    channels: int


class Media:
    """The first audio stream of one file.

    `rate` in Hz and `channels` are those at its beginning; later ones are converted to them.
    `duration` in seconds is what the header says, None where it says nothing. Its methods raise
    NotAudio. The file need not be seekable, where its container does not need that.
    """

    def __init__(self, file: BinaryIO, samples: Samples | None = None) -> None:
        begin = _begin(file, 8) if samples is None else b""
        backwards = begin.startswith(b"RIFX")
        self._cut = _is_cut(file, begin)
        self._container = _open(riff.in_order(file, begin), samples)
        try:
            codec = _codec(self._container)
            # FFmpeg reads the header of RIFX, and takes its samples for those of RIFF.
            little = _LITTLE_ENDIAN.fullmatch(codec.name) if backwards else None
            self._swapped = int(little[1]) // 8 if little else 0
            """Bytes of a sample that has them the other way round; 0 for any other."""
        except BaseException:
            self._container.close()
            raise
        self.rate = codec.sample_rate
        self.channels = codec.channels
        self._layout, self._width = codec.layout.name, codec.channels
        self._form: tuple[str, str, int] | None = None
        self._converter: AudioResampler | None = None
        duration = self._container.duration
        self.duration = None if duration is None else duration / av.time_base
        self.damage: str | None = None
        """What was left out, once `blocks` has ended."""
        self._position = self._cancelled = 0
        """Samples so far, and how many of them are of one channel for two that cancel out."""

    @property
    def cancelled(self) -> bool:
        """Whether most of what was mixed so far is of one channel, since two cancel each other."""
        return 2 * self._cancelled > self._position

    def close(self) -> None:
        """Free what it holds."""
        self._container.close()

    def blocks(self, *, mono: bool = False) -> Iterator[FloatArray]:
        """Yield float32 [n, channels] in [-1, 1] to the end, at times by the container's clock.

        With `mono` it is [n, 1], mixed of all channels.

        Where its clock goes on without audio there is silence. What is damaged is left out, as
        players do, and so is all from a sample on that is infinite or not a number: `damage` says
        so. Values beyond 1 are clipped.
        """
        if mono and self.channels > _STEREO:
            self._layout, self._width = "mono", 1  # by FFmpeg: where each speaker stands counts
        blocks = self._timed()
        yield from map(self._mixed, blocks) if mono else blocks

    def _timed(self) -> Iterator[FloatArray]:
        try:
            yield from self._whole()
        except _Unusable as error:
            if not self._position:
                raise NotAudio(str(error)) from None
            self.damage = str(error)
            return
        self._note_end()

    def _whole(self) -> Iterator[FloatArray]:
        start = self._container.start_time or 0
        for frame in self._frames():
            if frame.time is not None:
                due = round((frame.time - start / av.time_base) * self.rate)
                yield from self._silence(due - self._position)
            yield from self._checked(self._converted(frame))
        yield from self._checked(self._converted(None))

    def _silence(self, missing: int) -> Iterator[FloatArray]:
        if missing < _HOLE_S * self.rate:
            return
        most = round(_SILENCE_S * self.rate)
        while missing > 0:
            count = min(missing, most)
            self._position += count
            missing -= count
            yield np.zeros((count, self._width), np.float32)

    def _converted(self, frame: AudioFrame | None) -> Iterator[FloatArray]:
        """Yield a frame as floats of the first one's rate and channels; None ends a conversion."""
        form = None if frame is None else (frame.format.name, frame.layout.name, frame.sample_rate)
        if form != self._form:
            if self._converter is not None:
                yield from self._floats(self._converter.resample(None))
            self._form = form
            self._converter = AudioResampler("flt", self._layout, self.rate) if form else None
        if self._converter is not None:
            yield from self._floats(self._converter.resample(frame))

    def _floats(self, frames: list[AudioFrame]) -> Iterator[FloatArray]:
        for each in frames:
            yield each.to_ndarray().reshape(-1, self._width).astype(np.float32, copy=False)

    def _checked(self, blocks: Iterator[FloatArray]) -> Iterator[FloatArray]:
        """Yield what can be computed with; `_Unusable` for the first sample that cannot."""
        for block in blocks:
            finite = np.isfinite(block).all(axis=1)
            good = len(block) if finite.all() else int(finite.argmin())
            self._position += good
            yield np.clip(block[:good], -1, 1)
            if good < len(block):
                number, at = self._position, self._position / self.rate
                raise _Unusable(
                    f"damaged at {at:.3f} s: sample {number} is infinite or not a number"
                )

    def _frames(self) -> Iterator[AudioFrame]:
        stream = self._container.streams.audio[0]
        packets = self._container.demux(stream)
        errors = 0
        while errors < _MOST_ERRORS:
            try:
                packet = next(packets, None)
            except av.InvalidDataError:
                packets = self._container.demux(stream)  # it ends where it raises
                frames = None
            except (av.FFmpegError, OSError):
                break
            else:
                if packet is None:
                    return
                frames = self._decoded(packet)
            if frames is None:
                self.damage = f"damaged at {self._position / self.rate:.1f} s"
                errors += 1
                continue
            errors = 0
            yield from frames
        self.damage = f"broken off at {self._position / self.rate:.1f} s"

    def _decoded(self, packet: "Packet[AudioStream]") -> list[AudioFrame] | None:
        """Return the frames of a packet, None if a decoder can make nothing of it."""
        try:
            decoded: list[object] = [*self._in_order(packet).decode()]
        except (av.FFmpegError, OSError):
            return None
        return [each for each in decoded if isinstance(each, AudioFrame)]

    def _in_order(self, packet: "Packet[AudioStream]") -> "Packet[AudioStream]":
        if not self._swapped or not packet.size:
            return packet
        whole = np.frombuffer(bytes(packet), np.uint8)[: packet.size - packet.size % self._swapped]
        swapped = whole.reshape(-1, self._swapped)[:, ::-1].tobytes()
        turned = cast("Packet[AudioStream]", Packet(swapped))
        turned.stream, turned.time_base = packet.stream, packet.time_base
        turned.pts, turned.dts, turned.duration = packet.pts, packet.dts, packet.duration
        return turned

    def _mixed(self, block: FloatArray) -> FloatArray:
        single = mixed(block)
        if np.shares_memory(single, block):
            self._cancelled += len(block)
        return single

    def _note_end(self) -> None:
        if not self._position:
            raise NotAudio("it holds no audio that can be decoded")
        heard = self._position / self.rate
        announced = self.duration or 0.0
        if self.damage is None and (self._cut or heard < announced * _CUT_SHORT - _HOLE_S):
            self.damage = f"broken off at {heard:.1f} s"


def mixed(block: FloatArray) -> FloatArray:
    """Return the mean of one or two channels as [n, 1].

    Of two that cancel each other out, as after a phase inverter, a view of the louder one.
    """
    mean: FloatArray = block.mean(axis=1, keepdims=True)
    if block.shape[1] == _STEREO:
        power = np.square(block).mean(axis=0)
        if np.square(mean).mean() < _CANCELLED * power.max():
            louder = int(power.argmax())
            return block[:, louder : louder + 1]
    return mean


def is_contained(file: BinaryIO) -> bool:
    """Whether a file begins as one of the commonest containers; it is then read from there."""
    return form_of(_begin(file, HEAD)) is not None


def _begin(file: BinaryIO, size: int) -> bytes:
    """Return the first bytes of a file, which is then read from there; empty if that is not sure.

    A pipe has to be buffered for it.
    """
    if file.seekable():
        begin = file.read(size)
        file.seek(-len(begin), io.SEEK_CUR)
        return begin
    return file.peek(size)[:size] if isinstance(file, io.BufferedReader) else b""


def _is_cut(file: BinaryIO, begin: bytes) -> bool:
    """Whether a RIFF file lacks its end: FFmpeg does not tell. A stream has no true size."""
    form, size = begin[:4], begin[4:8]
    if form not in riff.BYTE_ORDER or not file.seekable():
        return False
    announced = int.from_bytes(size, riff.BYTE_ORDER[form])
    here = file.tell()
    there = file.seek(0, io.SEEK_END) - here
    file.seek(here)
    return 0 < announced < riff.ENDLESS and there < 8 + announced - 1  # the last pad may be missing


def _open(file: BinaryIO, samples: Samples | None) -> InputContainer:
    try:
        if samples is None:
            return av.open(file, "r", container_options=_OPTIONS, metadata_errors="replace")
        options = {"sample_rate": str(samples.rate), "ch_layout": f"{samples.channels}c"}
        return av.open(file, "r", format=samples.format, container_options=options)
    except (av.FFmpegError, ValueError, OSError):
        if file.seekable() and not file.seek(0, io.SEEK_END):
            raise NotAudio("it is empty") from None
        raise NotAudio("the file is of no known kind, or damaged from its begin on") from None


def _codec(container: InputContainer) -> AudioCodecContext:
    if not container.streams.audio:
        raise NotAudio("it has no audio stream")
    # FFmpeg has none for a codec that it does not know, which PyAV's types leave out.
    codec = cast(AudioCodecContext | None, container.streams.audio[0].codec_context)
    if codec is None:
        raise NotAudio("its codec is not known")
    return codec
