"""HopAligner: any chunking, nothing lost, the model's delay taken off."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from denoise_worker.alignment import DELAY, HOP, HopAligner


class DelayLine:
    """A model that changes nothing and answers as late as the real one."""

    def __init__(self):
        self.held = np.zeros(DELAY, np.float32)

    def enhance(self, hops):
        joined = np.concatenate((self.held, hops.reshape(-1)))
        self.held = joined[hops.size :]
        return joined[: hops.size]


class Stream:
    """What comes out of an aligner with a delay line behind it."""

    def __init__(self, origin):
        self.aligner, self.model = HopAligner(origin), DelayLine()
        self.written = np.zeros(0, np.float32)

    def push(self, samples):
        first, start = self.aligner.next_answer, self.aligner.ready
        hops = self.aligner.push(samples)
        assert hops.shape[1:] == (HOP,)
        self._write(first, start, self.aligner.ready, hops)

    def flush(self):
        rest = self.aligner.next_answer, self.aligner.ready, self.aligner.taken
        self._write(*rest, self.aligner.flush())

    def _write(self, first, start, end, hops):
        samples = self.model.enhance(hops)[start - first : end - first]
        assert len(samples) == end - start
        self.written = np.concatenate((self.written, samples))


def counted(start, end):
    return np.arange(start + 1, end + 1, dtype=np.float32)


@given(st.integers(0, 10_000), st.lists(st.integers(0, 2000), max_size=12))
def test_any_chunking_returns_every_sample_at_its_position(origin, sizes):
    stream, end = Stream(origin), origin
    for size in sizes:
        stream.push(counted(end, end + size))
        end += size
        aligner = stream.aligner
        assert aligner.taken == end
        np.testing.assert_array_equal(stream.written, counted(origin, aligner.ready))
        np.testing.assert_array_equal(aligner.inside, counted(aligner.ready, end))
    stream.flush()
    np.testing.assert_array_equal(stream.written, counted(origin, end))


@given(st.lists(st.integers(0, 700), min_size=2, max_size=8), st.data())
def test_another_aligner_goes_on_from_the_values_of_one(sizes, data):
    whole, parted, end = Stream(7), Stream(7), 7
    change = data.draw(st.integers(0, len(sizes) - 1))
    for turn, size in enumerate(sizes):
        if turn == change:
            old = parted.aligner
            parted.aligner = HopAligner(old.origin, old.taken, old.inside.copy())
        for stream in (whole, parted):
            stream.push(counted(end, end + size))
        end += size
    for stream in (whole, parted):
        stream.flush()
    np.testing.assert_array_equal(parted.written, whole.written)


def test_output_trails_input_by_the_delay_and_an_open_hop():
    aligner = HopAligner(0)
    for pushed in range(1, 4 * DELAY):
        aligner.push(counted(0, 1))
        assert aligner.ready == max(0, pushed // HOP * HOP - DELAY)


def test_flush_pads_no_more_than_one_hop_beyond_the_delay():
    aligner = HopAligner(0)
    aligner.push(counted(0, HOP + 1))
    hops = aligner.flush()
    assert hops.size == DELAY + HOP
    assert hops[0, 0] == HOP + 1
    assert not hops.reshape(-1)[1:].any()


def test_hop_lasts_ten_milliseconds():
    assert HOP * 100 == 16_000
