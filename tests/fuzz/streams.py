"""Compressed live audio, whole and damaged: only `ClientError`, whole frames, and an answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import get_args

import av
import numpy as np
from hypothesis import given, seed
from hypothesis import strategies as st

from gateway.protocols.api import ClientError
from gateway.protocols.commands import Coding
from gateway.uplink import streams
from tests.compressed import ENCODERS, encoded, opus_packets, wav
from tests.fuzz.strategies import endless

_SECONDS = 0.4
_MOST_MUTATIONS = 4
_MOST_SECONDS = 3_600
"""Seconds of sound that some hundred kilobytes may say they are: silence is long in a few bytes."""
_WRITABLE = (
    *(name for name, encoder in ENCODERS.items() if encoder.codec in av.codecs_available),
    "wav",
)
_GARBAGE = st.binary(min_size=1, max_size=400)


@dataclass(frozen=True)
class Stream:
    """What a client sends: the name of a coding, and messages of bytes."""

    coding: Coding
    pieces: Sequence[bytes]
    channels: int = 1


def _sound(rate: int, channels: int) -> np.ndarray:
    time = np.arange(round(rate * _SECONDS)) / rate
    tone = (np.sin(2 * np.pi * 440 * time) * 9_000).astype(np.int16)
    return np.stack([tone] * channels, 1)


@cache
def _whole(name: str, channels: int) -> bytes:
    if name == "wav":
        return wav(_sound(8_000, channels), 8_000, 16)
    if name == "amr-nb":
        channels = 1
    return encoded(name, _sound(ENCODERS[name].rate, channels))


@cache
def _packets() -> tuple[bytes, ...]:
    return tuple(opus_packets(_sound(48_000, 1)))


@st.composite
def compressed(draw: st.DrawFn, codings: Sequence[Coding] = get_args(Coding)) -> Stream:
    """Draw a stream, which may be in another coding than its name, cut anywhere and damaged."""
    coding = draw(st.sampled_from(codings))
    channels = draw(st.sampled_from((1, 1, 2)))
    if draw(st.integers(0, 7)) == 0:
        pieces = [*_packets()]
        for _ in range(draw(st.integers(0, _MOST_MUTATIONS))):
            at = draw(st.integers(0, len(pieces) - 1))
            pieces[at] = draw(_mutated(pieces[at]))
        return Stream(coding, [each for each in pieces if each], channels)
    name = coding if coding in _WRITABLE and draw(st.booleans()) else draw(_NAMES)
    data = _whole(name, channels)
    for _ in range(draw(st.integers(0, _MOST_MUTATIONS))):
        data = draw(_mutated(data))
    cuts = draw(st.lists(st.integers(0, len(data)), max_size=12))
    cuts += draw(st.lists(st.integers(0, min(64, len(data))), max_size=4))  # amid the header
    places = sorted({0, *cuts, len(data)})
    pieces = [data[at:end] for at, end in pairwise(places)]
    return Stream(coding, [each for each in pieces if each], channels)


_NAMES = st.sampled_from(_WRITABLE)


@st.composite
def _mutated(draw: st.DrawFn, data: bytes) -> bytes:
    """Draw a stream that is damaged once more."""
    at, size = draw(st.integers(0, len(data))), draw(st.integers(1, 600))
    match draw(st.integers(0, 7)):
        case 0:  # its header is lost
            return data[draw(st.integers(1, 600)) :]
        case 1:  # it breaks off
            return data[:at]
        case 2:  # a part is missing
            return data[:at] + data[at + size :]
        case 3:  # a part comes twice
            return data[: at + size] + data[at:]
        case 4:  # a part is garbage
            return data[:at] + draw(_GARBAGE) + data[at + size :]
        case 5:  # another one begins in it
            return data[:at] + _whole(draw(_NAMES), 1)
        case 6:  # a bit is wrong, where most depends on it
            place = draw(st.integers(0, min(len(data), 300)))
            flipped = bytes([(data[place] if place < len(data) else 0) ^ draw(st.integers(1, 255))])
            return data[:place] + flipped + data[place + 1 :]
        case _:
            return draw(_GARBAGE)


def fuzz(inputs: int, from_seed: int) -> int:
    """Decode so many streams; return how many bytes they had."""
    fed = 0

    @seed(from_seed)
    @endless(max_examples=inputs)
    @given(stream=compressed())
    def one(stream: Stream) -> None:
        nonlocal fed
        fed += sum(map(len, stream.pieces))
        _decode(stream)

    one()
    return fed


def _decode(stream: Stream) -> None:
    waiting = iter(stream.pieces)
    samples, told = 0, 0
    try:
        for item in streams.decoded(lambda: next(waiting, b""), stream.coding, stream.channels):
            if isinstance(item, ClientError):
                told += 1
            else:
                assert len(item) % (2 * stream.channels) == 0, "a part of a frame"
                samples += len(item) // (2 * stream.channels)
    except ClientError:
        told += 1
    assert samples or told or not stream.pieces, "nothing was heard, and nothing said"
    assert told <= streams.MOST_TOLD + 1
    assert samples <= 16_000 * _MOST_SECONDS, f"{samples} samples"
