"""Frames of a client's audio."""

from gateway.protocols.commands import AudioFormat
from gateway.protocols.frames import Frames


def test_a_frame_may_be_split_over_messages():
    frames = Frames(AudioFormat("pcm16", 16_000, 2))
    for size in (3, 3, 1):
        frames.push(size)
    assert (frames.whole, frames.split) == (1, True)
    frames.push(1)
    assert (frames.whole, frames.split) == (2, False)


def test_a_part_of_a_frame_ends_at_a_boundary():
    frames = Frames(AudioFormat("float32", 16_000, 1))
    frames.push(7)
    frames.cut()
    frames.push(4)
    assert (frames.whole, frames.split) == (2, False)
