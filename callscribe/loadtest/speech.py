"""The speech of all callers: one loop of messages, encoded and framed once and shared by all.

With two channels the second one is the same loop, shifted by half. The loop of the sample call has
its parties one after the other, so the two channels together are its conversation again.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from callscribe import sample
from callscribe.audiofile import AudioFile
from callscribe.loadtest.plan import Loop, Passage, joined
from common.audio import FloatArray, float_to_pcm16
from common.errors import SettingsError

_PAUSE_S = 1.5
"""Silence between one recording and the next."""
_BLOCK_S = 10.0

_BINARY = b"\x82"
_MASKED = 0x80
_NO_MASK = bytes(4)


@dataclass(frozen=True)
class Format:
    """How the audio goes out; `rate` in Hz, `frame_ms` of audio per message."""

    mulaw: bool = False
    stereo: bool = False
    frame_ms: int = 100

    @property
    def rate(self) -> int:
        """8 kHz as telephone gateways send, else the recogniser's own rate."""
        return 8_000 if self.mulaw else 16_000

    @property
    def message_samples(self) -> int:
        """Samples of each channel in a message."""
        return self.rate * self.frame_ms // 1000


@dataclass(frozen=True)
class Speech:
    """The loop, and each of its messages as a WebSocket frame."""

    loop: Loop
    frames: Sequence[bytes]


@dataclass(frozen=True)
class _Part:
    samples: FloatArray
    """[n] at the format's rate."""
    passages: Sequence[Passage]


def load(files: Sequence[Path], format: Format) -> Speech:
    """Read the files, or the sample call where there are none; every channel counts by itself.

    A text file beside a recording (`name.txt`) has its words, one line for each of two channels.
    AudioFileError or SettingsError for unusable files.
    """
    parts = [part for path in files for part in _parts(path, format.rate)] or _sample(format.rate)
    size = format.message_samples
    blocks: list[FloatArray] = []
    passages: list[Passage] = []
    position = 0
    for part in parts:
        messages = -(-(len(part.samples) + round(_PAUSE_S * format.rate)) // size)
        block = np.zeros(messages * size, np.float32)
        block[: len(part.samples)] = part.samples
        blocks.append(block)
        passages += [_shifted(each, position / format.rate) for each in part.passages]
        position += len(block)
    one = np.concatenate(blocks)
    message_s, messages = size / format.rate, position // size
    channels, spoken = [one], [passages]
    if format.stereo:
        half = messages // 2 * size
        channels.append(np.roll(one, -half))
        spoken.append(_rolled(passages, half / format.rate, position / format.rate))
    data = _encoded(np.stack(channels, axis=1), mulaw=format.mulaw)
    step = len(data) // messages
    frames = [_frame(data[begin : begin + step]) for begin in range(0, len(data), step)]
    return Speech(Loop(message_s, messages, spoken), frames)


def _parts(path: Path, rate: int) -> list[_Part]:
    with AudioFile(path) as audio:
        samples = np.concatenate(list(audio.blocks(_BLOCK_S)))
        texts = _texts(path, audio.channels)
        channels = [_resampled(channel, audio.rate, rate) for channel in samples.T]
    return [
        _Part(channel, [Passage(0.0, len(channel) / rate, text)])
        for channel, text in zip(channels, texts, strict=True)
    ]


def _texts(path: Path, channels: int) -> list[str] | list[None]:
    beside = path.with_suffix(".txt")
    if not beside.is_file():
        return [None] * channels
    try:
        text = beside.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{beside}: cannot be read as text") from error
    if channels == 1:
        return [" ".join(text.split())]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) != channels:
        raise SettingsError(f"{beside}: {len(lines)} lines of text for {channels} channels")
    return lines


def _sample(rate: int) -> list[_Part]:
    samples, given = soundfile.read(sample.AUDIO, dtype="float32")
    turns = json.loads(sample.DESCRIPTION.read_text(encoding="utf-8"))["turns"]
    return [
        _Part(
            _resampled(samples[:, channel], given, rate),
            joined(
                [
                    Passage(turn["start"], turn["end"], turn["text"])
                    for turn in turns
                    if turn["channel"] == channel
                ]
            ),
        )
        for channel in range(samples.shape[1])
    ]


def _resampled(samples: FloatArray, given: int, rate: int) -> FloatArray:
    return np.asarray(soxr.resample(samples, given, rate), np.float32)


def _shifted(passage: Passage, by: float) -> Passage:
    return Passage(passage.start + by, passage.end + by, passage.text)


def _rolled(passages: Sequence[Passage], by: float, duration: float) -> list[Passage]:
    rolled = [
        _shifted(passage, -by if passage.start >= by else duration - by) for passage in passages
    ]
    return sorted(rolled, key=lambda passage: passage.start)


def _encoded(samples: FloatArray, *, mulaw: bool) -> bytes:
    """Return [n, channels] as interleaved bytes."""
    if not mulaw:
        return float_to_pcm16(samples.ravel())
    file = io.BytesIO()
    rate = 8_000  # invisible in a raw file
    soundfile.write(file, samples, rate, format="RAW", subtype="ULAW")
    return file.getvalue()


def _frame(payload: bytes) -> bytes:
    """Return a client's frame (RFC 6455, 5.2) whose masking key leaves the payload as it is.

    An unpredictable key protects proxies from scripts of web pages. Here sender and content have
    the same author, so every caller can send the same bytes.
    """
    size = len(payload)
    if size < 126:
        length = bytes((_MASKED | size,))
    elif size < 1 << 16:
        length = bytes((_MASKED | 126,)) + size.to_bytes(2, "big")
    else:
        length = bytes((_MASKED | 127,)) + size.to_bytes(8, "big")
    return _BINARY + length + _NO_MASK + payload
