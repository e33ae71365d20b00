"""HopAligner: any chunking, nothing lost, the model's delay taken off; where a replay starts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Misuse
from denoise_worker.alignment import (
    HOP,
    MODEL_DELAY,
    MODEL_HOP,
    MODEL_RATE,
    WARM_UP,
    HopAligner,
    replay_start,
)


class DelayLine:
    """A model that changes nothing and answers as late as the real one."""

    def __init__(self):
        self.held = np.zeros(MODEL_DELAY, np.float32)

    def enhance(self, hops):
        joined = np.concatenate((self.held, hops.reshape(-1)))
        self.held = joined[hops.size :]
        return joined[: hops.size].reshape(-1, MODEL_HOP)


def counted(total):
    return np.arange(1, total + 1, dtype=np.float32)


@given(st.lists(st.integers(0, 2000), max_size=12))
def test_any_chunking_returns_every_sample_at_its_position(sizes):
    aligner, model = HopAligner(), DelayLine()
    stream = counted(sum(sizes))
    outputs, start = [], 0
    for size in sizes:
        hops = aligner.push(stream[start : start + size])
        assert hops.shape[1:] == (MODEL_HOP,)
        outputs.append(aligner.align(model.enhance(hops)))
        start += size
    outputs.append(aligner.align(model.enhance(aligner.flush())))
    np.testing.assert_array_equal(np.concatenate(outputs), stream)


def test_output_trails_input_by_the_delay_and_an_open_hop():
    aligner, model = HopAligner(), DelayLine()
    received = 0
    for pushed in range(1, 4 * MODEL_DELAY):
        received += len(aligner.align(model.enhance(aligner.push(counted(1)))))
        assert received == max(0, pushed // MODEL_HOP * MODEL_HOP - MODEL_DELAY)


def test_flush_pads_no_more_than_one_hop_beyond_the_delay():
    aligner = HopAligner()
    aligner.push(counted(MODEL_HOP + 1))
    hops = aligner.flush()
    assert hops.size == MODEL_DELAY + MODEL_HOP
    assert hops[0, 0] == MODEL_HOP + 1
    assert not hops.reshape(-1)[1:].any()


def test_an_empty_stream_stays_empty():
    aligner, model = HopAligner(), DelayLine()
    assert not len(aligner.align(model.enhance(aligner.flush())))


def test_pushing_after_the_flush_is_refused():
    aligner = HopAligner()
    aligner.flush()
    with pytest.raises(Misuse, match="160 samples"):
        aligner.push(counted(160))


@given(st.integers(0, 10**9))
def test_replay_starts_on_the_hop_grid_with_at_least_the_warm_up(position):
    start = replay_start(position)
    assert start % HOP == 0
    assert start == 0 or WARM_UP <= position - start < WARM_UP + HOP


def test_hop_lasts_ten_milliseconds():
    assert MODEL_HOP * 100 == MODEL_RATE
    assert HOP * 100 == 16_000
