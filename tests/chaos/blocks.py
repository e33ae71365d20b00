"""A transcript that is a function of the exact samples: one word per quarter of a second.

Whatever happens to the audio on its way shows in it: a sample that is lost, doubled or shifted
changes the word of its block and of every block after it.
"""

from binascii import crc32

from common.audio import SAMPLE_RATE, FloatArray, float_to_pcm16

BLOCK = SAMPLE_RATE // 4
"""Samples of one word; the last word of an utterance has the rest, down to a single sample."""


def words(audio: FloatArray) -> list[str]:
    """Return the words of an utterance, float32 [n] at 16 kHz in [-1, 1), from its first sample."""
    blocks = range(0, len(audio), BLOCK)
    return [f"{crc32(float_to_pcm16(audio[at : at + BLOCK])):08x}" for at in blocks]
