"""Frames of real streams, found wherever one begins; and nothing in what is no stream."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.containers import Form
from gateway.uplink.sync import MOST, Sync, find
from tests.compressed import ENCODERS, encoded

FORMS = {"mp3": Form.MP3, "aac": Form.AAC}


@cache
def stream(name: str) -> bytes:
    """A second of a tone, from its first frame on."""
    rate = ENCODERS[name].rate
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    data = encoded(name, (tone * 32_767).astype(np.int16)[:, None])
    found = find(data)
    assert found is not None
    return data[found.at :]


@pytest.mark.parametrize("name", FORMS)
@given(data=st.data())
def test_a_stream_that_begins_anywhere_is_found_at_its_next_frame(name, data):
    whole = stream(name)
    places = [0]
    while (found := find(whole[places[-1] + 1 :])) is not None:
        places.append(places[-1] + 1 + found.at)
    at = data.draw(st.integers(0, places[-2]))
    following = next(place for place in places if place >= at)
    assert find(whole[at : at + MOST]) == Sync(FORMS[name], following - at)


def test_one_header_is_none():
    """Two bytes of samples look like one: small negative numbers do."""
    for first in (b"\xff\xfb\x90\x00", b"\xff\xf1\x50\x80\x20\x1f\xfc", b"\xff\xff"):
        assert find(first + bytes(MOST)) is None


@pytest.mark.parametrize("name", FORMS)
def test_a_frame_with_nothing_around_it_is_one(name):
    whole = stream(name)
    found = find(whole[1:])
    assert found is not None
    frame = whole[: 1 + found.at]
    assert find(frame) == Sync(FORMS[name], 0)
    assert find(frame[:-1]) is None
    assert find(frame + b"\0") is None


def test_noise_has_no_frames():
    dice = np.random.default_rng(1)
    assert [find(dice.bytes(MOST)) for _ in range(50)] == [None] * 50


@pytest.mark.parametrize(
    ("head", "length"),
    [
        (b"\xff\xfb\x90\x00", 417),  # MPEG-1 layer III, 128 kbit/s at 44.1 kHz
        (b"\xff\xfb\x92\x00", 418),  # the same, padded
        (b"\xff\xf3\x48\x00", 144),  # MPEG-2 layer III, 32 kbit/s at 16 kHz
        (b"\xff\xe3\x28\x00", 144),  # MPEG-2.5 layer III, 16 kbit/s at 8 kHz
        (b"\xff\xfd\xa4\x00", 576),  # MPEG-1 layer II, 192 kbit/s at 48 kHz
        (b"\xff\xf1\x50\x80\x20\x1f\xfc", 256),  # ADTS
    ],
)
def test_a_frame_is_as_long_as_its_header_says(head, length):
    frame = head.ljust(length, b"\0")
    assert find(frame + frame) is not None
    assert find(frame + b"\0" + frame) is None
    assert find(frame[:-1] + frame) is None


@pytest.mark.parametrize("head", [b"\xff\xeb\x90\x00", b"\xff\xfb\xf0\x00", b"\xff\xfb\x9c\x00"])
def test_reserved_values_are_no_header(head):
    frame = head.ljust(417, b"\0")
    assert find(frame * 4) is None
