"""A transcript that is a function of the exact samples: one word per quarter of a second.

Whatever happens to the audio on its way shows in it: a sample that is lost, doubled or shifted
changes the word of its block and of every block after it.
"""

from binascii import crc32

from common.audio import SAMPLE_RATE, FloatArray, float_to_pcm16

BLOCK = SAMPLE_RATE // 4
"""Samples of one word; the last word of an utterance has the rest, down to a single sample."""
_LETTERS = str.maketrans("0123456789", "ghijklmnop")
"""Digits would be taken for a number that is being dictated."""
_MARKS = (".", "...", "")


def words(audio: FloatArray) -> list[str]:
    """Return the words of an utterance, float32 [n] at 16 kHz in [-1, 1), from its first sample."""
    blocks = range(0, len(audio), BLOCK)
    sums = [crc32(float_to_pcm16(audio[at : at + BLOCK])) for at in blocks]
    return [f"{each:08x}".translate(_LETTERS) for each in sums]


def marked(audio: FloatArray) -> str:
    """Return the words as a text that ends as a sentence does, as an unfinished one, or as none."""
    said = words(audio)
    mark = _MARKS[sum(map(ord, said[-1])) % len(_MARKS)] if said else ""
    return " ".join(said) + mark
