"""From the client's bytes, split anywhere and in any format, to PCM16LE at 16 kHz per leg."""

from math import ceil, gcd

import numpy as np
import numpy.typing as npt

from common.audio import SAMPLE_RATE, FloatArray, float_to_pcm16, seconds
from common.containers import CONTAINER_HEAD, container_of
from gateway.protocols.api import ClientError
from gateway.protocols.commands import AudioFormat
from gateway.uplink.resampler import REACH, Resampler

# RFC 6455, 7.4.1: data inconsistent with the type of the message.
_INVALID_DATA = 1007

_FULL_SCALE = np.float32(32_768)


def _mulaw_table() -> npt.NDArray[np.int16]:
    """Decode every mu-law byte to 16 bits (ITU-T G.711, 11/88, table 2)."""
    inverted = ~np.arange(256) & 0xFF
    exponent, mantissa = (inverted >> 4) & 7, inverted & 0xF
    magnitude = (((mantissa << 3) + 0x84) << exponent) - 0x84
    return np.where(inverted & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw_table() -> npt.NDArray[np.int16]:
    """Decode every A-law byte to 16 bits (ITU-T G.711, 11/88, table 1)."""
    toggled = np.arange(256) ^ 0x55
    exponent, mantissa = (toggled >> 4) & 7, toggled & 0xF
    step = (mantissa << 4) + 8
    magnitude = np.where(exponent == 0, step, (step + 0x100) << np.maximum(exponent - 1, 0))
    return np.where(toggled & 0x80, magnitude, -magnitude).astype(np.int16)


_G711 = {"mulaw": _mulaw_table(), "alaw": _alaw_table()}


def resume_frame(audio: AudioFormat, position: int) -> int:
    """Return the client's frame from which an `AudioDecoder` goes on at 16 kHz `position`.

    Its output from `position` on is then the same as without the interruption: a new resampler must
    first get the samples that its filter reaches back to, and its outputs must fall between the
    same inputs as before.
    """
    if audio.sample_rate == SAMPLE_RATE:
        return position
    step = audio.sample_rate // gcd(audio.sample_rate, SAMPLE_RATE)
    reach = ceil(REACH * max(1.0, audio.sample_rate / SAMPLE_RATE))
    frame = max(0, position * audio.sample_rate // SAMPLE_RATE - reach)
    return frame - frame % step


def _encoded(frames: FloatArray) -> list[bytes]:
    return [float_to_pcm16(leg) for leg in frames.T]


class AudioDecoder:
    """Decode, de-interleave and resample one session's audio; every leg stays in step.

    Leg c's k-th output sample is the input of channel c at time k/16000 s. The output depends only
    on the bytes and on where among them `flush` was called, never on their split into messages.
    Samples beyond full scale are clipped; float32 full scale is 1.0.

    `start` is the client's first frame, from `resume_frame` or 0. Where the audio follows some in
    another format, `origin` is the position at which it begins.
    """

    def __init__(self, audio: AudioFormat, *, start: int = 0, origin: int = 0) -> None:
        self._audio = audio
        self._frame_bytes = audio.frame_bytes
        self._rest = b""
        self._head: bytes | None = None if start or origin else b""
        """The call's first bytes, until there are enough to tell a container from samples."""
        self._frames = start
        self._origin = origin
        self._position = origin + start * SAMPLE_RATE // audio.sample_rate
        self._resampler = (
            None
            if audio.sample_rate == SAMPLE_RATE
            else Resampler(audio.sample_rate, audio.channels)
        )
        self._untouched = audio == AudioFormat("pcm16", SAMPLE_RATE, 1)

    @property
    def position(self) -> int:
        """Where the audio returned so far ends, in 16 kHz samples."""
        return self._position

    @property
    def truncated(self) -> ClientError | None:
        """The error for a client whose audio ends inside a frame here; None between frames.

        It is for a boundary: elsewhere the rest of the frame may follow.
        """
        if not self._rest:
            return None
        sound = f"{self._audio.channels} x {self._audio.encoding}"
        return ClientError(
            "truncated_sample",
            f"at {seconds(self._position):.2f} s the audio stops {len(self._rest)} bytes into a "
            f"frame of {self._frame_bytes} ({sound}); these bytes are not used, and if bytes were "
            "lost or added before, what came after them was misread",
        )

    def push(self, data: bytes) -> list[bytes]:
        """Return each leg's next audio, PCM16LE at 16 kHz; a part of a frame waits for its rest.

        At another rate the newest samples (the resampler's lookahead: 6 ms at 8 kHz, 3 ms from
        16 kHz up) wait for those that follow, or for `flush`.

        Raises `ClientError` where float32 audio holds NaN or infinity, or the call begins with a
        container's first bytes; then it uses none of `data`.
        """
        if self._head is not None:
            self._look_at_head(data)
        if self._untouched and not self._rest and not len(data) % self._frame_bytes:
            frames = len(data) // self._frame_bytes
            self._frames += frames
            self._position += frames
            return [data]
        if self._rest:
            data = self._rest + data
        whole = len(data) - len(data) % self._frame_bytes
        rest = data[whole:]
        legs = self._legs(data[:whole] if rest else data)
        self._rest = rest
        self._frames += whole // self._frame_bytes
        self._position += len(legs[0]) // 2
        return legs

    def flush(self) -> list[bytes]:
        """Return what waits in the resampler, so that all audio pushed so far is out.

        It is for a boundary. Later audio continues the same timeline; the last milliseconds before
        the flush are computed as if silence followed, since a flush says so. A part of a frame is
        dropped: what follows begins with a frame.
        """
        self._rest = b""
        if self._resampler is None:
            return [b""] * self._audio.channels
        legs = _encoded(self._resampler.flush())
        self._position += len(legs[0]) // 2
        return legs

    def skip(self, frames: int) -> None:
        """Leave out the client's next frames; to be called after `flush`."""
        self._frames += frames
        # What follows is not resampled across the gap; at odd rates it shifts by half a sample.
        self._position = max(
            self._position,
            self._origin + round(self._frames * SAMPLE_RATE / self._audio.sample_rate),
        )
        if self._resampler is not None:
            self._resampler = Resampler(self._audio.sample_rate, self._audio.channels)

    def _look_at_head(self, data: bytes) -> None:
        """Refuse a container: read as samples it is noise, in which a recogniser hears words."""
        head = (self._head or b"") + data[:CONTAINER_HEAD]
        self._head = head if len(head) < CONTAINER_HEAD else None
        if (found := container_of(head)) is not None:
            raise ClientError(
                "invalid_audio",
                f"the audio is {found}, by its first bytes, and no {self._audio.encoding}: name it "
                "as `encoding` where the protocol has that, send raw samples, or send the whole "
                "file over HTTP",
                close_code=_INVALID_DATA,
            )

    def _legs(self, data: bytes) -> list[bytes]:
        if self._untouched:
            return [data]
        if self._audio.encoding == "float32":
            samples = self._floats(data)
        else:
            pcm = self._pcm(data)
            if self._resampler is None:
                return [leg.tobytes() for leg in pcm.reshape(-1, self._audio.channels).T]
            samples = pcm.astype(np.float32) / _FULL_SCALE
        frames = samples.reshape(-1, self._audio.channels)
        return _encoded(frames if self._resampler is None else self._resampler.push(frames))

    def _pcm(self, data: bytes) -> npt.NDArray[np.int16]:
        table = _G711.get(self._audio.encoding)
        if table is None:
            return np.frombuffer(data, dtype="<i2")
        return table[np.frombuffer(data, dtype=np.uint8)]

    def _floats(self, data: bytes) -> FloatArray:
        samples = np.frombuffer(data, dtype="<f4")
        finite = np.isfinite(samples)
        if not finite.all():
            raise self._not_finite(samples, int(np.argmin(finite)))
        clipped: FloatArray = np.clip(samples, -1.0, 1.0)
        return clipped

    def _not_finite(self, samples: npt.NDArray[np.float32], index: int) -> ClientError:
        frame, channel = divmod(index, self._audio.channels)
        return ClientError(
            "invalid_audio",
            f"sample {self._frames + frame} of channel {channel} is {samples[index]}, which is no "
            "audio; is this really float32, little-endian? (config option 'encoding')",
            close_code=_INVALID_DATA,
        )
