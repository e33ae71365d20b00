import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from asr_worker.recording import LONGEST, Recording
from common.audio import float_to_pcm16, pcm16_to_float
from common.bus.wire import Chunk

START = 1_000
PCM = np.random.default_rng(1).integers(-32768, 32768, 120_000, dtype=np.int16).tobytes()


def chunk(start, end):
    """Return what was said from `start` to `end`, positions from the session's first sample."""
    return Chunk(end, PCM[2 * start : 2 * end])


def said(start, end):
    return pcm16_to_float(PCM[2 * start : 2 * end])


@given(st.lists(st.integers(1, 20_000), max_size=8), st.randoms(use_true_random=False))
def test_any_chunking_gives_the_same_audio(sizes, dice):
    recording, position = Recording(START), dice.randint(0, START)
    for size in sizes:
        end = min(position + size, len(PCM) // 2)
        # A take-over reads again what was read, cut as it may be.
        recording.add(chunk(dice.randint(0, position), end))
        recording.add(chunk(position, end))
        position = end
        assert recording.end == max(START, position)
    assert np.array_equal(recording.until(10**9), said(START, recording.end))


def test_what_was_looked_at_stays_while_it_grows():
    recording, views = Recording(START), []
    for start, end in [(0, 1001), (1001, 1512), (1512, 17_512), (17_512, 90_000)]:
        recording.add(chunk(start, end))
        views.append(recording.until(end))
    for view in views:
        assert float_to_pcm16(view) == PCM[2 * START : 2 * (START + len(view))]
    assert len(views[-1]) == 89_000


def test_what_was_skipped_is_silence():
    recording = Recording(START)
    recording.add(chunk(START, 20_000))
    recording.add(chunk(60_000, 61_000))
    assert recording.end == 61_000
    audio = recording.until(61_000)
    assert np.array_equal(audio[:19_000], said(START, 20_000))
    assert not audio[19_000:59_000].any()
    assert np.array_equal(audio[59_000:], said(60_000, 61_000))


def test_what_begins_later_is_gone_and_stays_empty():
    recording = Recording(START)
    recording.add(chunk(START + 5, START + 9))
    recording.add(chunk(START, START + 9))
    assert recording.gone
    assert (recording.end, recording.until(10**9).shape) == (START, (0,))


def test_it_never_holds_more_than_the_longest_utterance():
    recording = Recording(START)
    recording.add(chunk(START, START + 10))
    recording.add(Chunk(START + LONGEST + 500, bytes(2 * 1000)))
    assert recording.end == START + LONGEST
    recording.add(Chunk(START + 9 * LONGEST, bytes(2 * 1000)))
    assert recording.end == START + LONGEST
    assert not recording.gone


def test_it_ends_where_asked():
    recording = Recording(START)
    assert (recording.end, recording.until(START).shape) == (START, (0,))
    recording.add(chunk(START, START + 100))
    assert recording.until(START + 40).shape == (40,)
    assert recording.until(START - 40).shape == (0,)
