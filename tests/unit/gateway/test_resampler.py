"""The resampler: exact, aligned, prompt, and the same for every chunking."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.resampler import FULL_SCALE_BITS, Resampler, _kernel

# Block and gathered kernels, up and down, and a period of prime length.
RATES = (4_000, 8_000, 11_025, 24_000, 44_100, 48_000, 192_000, 7_919, 44_056)


def tone(rate: int, frequency: float, duration: float = 0.5) -> np.ndarray:
    time = np.arange(int(rate * duration)) / rate
    return np.rint(0.5 * np.sin(2 * np.pi * frequency * time + 0.3) * 2.0**FULL_SCALE_BITS)[None]


def converted(rate: int, samples: np.ndarray) -> np.ndarray:
    resampler = Resampler(rate, len(samples))
    return np.concatenate((resampler.push(samples), resampler.flush()), axis=1)


@pytest.mark.parametrize("rate", RATES)
def test_output_sample_k_is_the_input_at_k_sixteen_thousandths(rate):
    frequency = 0.2 * min(rate, 16_000)
    output = converted(rate, tone(rate, frequency))[0]
    time = np.arange(len(output)) / 16_000
    expected = 0.5 * np.sin(2 * np.pi * frequency * time + 0.3)
    error = (output / 32_768 - expected)[500:-500]
    assert 10 * np.log10(np.mean(error**2) / 0.125) < -65


@pytest.mark.parametrize("rate", [24_000, 44_100, 48_000, 192_000])
@pytest.mark.parametrize("frequency", [8_160, 9_000, 11_000])
def test_what_16_khz_cannot_carry_does_not_alias(rate, frequency):
    output = converted(rate, tone(rate, frequency))[0, 500:-500] / 32_768
    assert 10 * np.log10(np.mean(output**2) / 0.125 + 1e-12) < -65


@pytest.mark.parametrize("frequency", [300, 3_400])
def test_the_telephone_band_passes_and_its_image_does_not(frequency):
    output = converted(8_000, tone(8_000, frequency, 1.0))[0, 2_000:10_000] / 32_768
    spectrum = np.abs(np.fft.rfft(output * np.hanning(len(output))))
    hertz = np.fft.rfftfreq(len(output), 1 / 16_000)
    image = spectrum[np.abs(hertz - (8_000 - frequency)) < 20].max()
    assert 20 * np.log10(image / spectrum.max()) < -65
    assert np.sqrt(2 * np.mean(output**2)) == pytest.approx(0.5, rel=0.01)


@pytest.mark.parametrize("rate", RATES)
def test_everything_older_than_the_lookahead_is_out_at_once(rate):
    resampler = Resampler(rate, 1)
    given_samples, returned = 0, 0
    for size in [1, 7, rate // 100, 3, rate // 10]:
        given_samples += size
        returned += resampler.push(np.zeros((1, size))).shape[1]
        known = max(0, given_samples - resampler.lookahead)
        assert returned == -(-known * 16_000 // rate)
    returned += resampler.flush().shape[1]
    assert returned == -(-given_samples * 16_000 // rate)


@pytest.mark.parametrize("rate", RATES)
def test_lookahead_is_milliseconds(rate):
    assert Resampler(rate, 1).lookahead / rate <= (0.00401 if rate > 7_000 else 0.008) + 0.0001


@pytest.mark.parametrize("rate", RATES)
def test_arithmetic_is_exact(rate):
    phases = _kernel(rate).phases
    assert np.array_equal(phases, np.rint(phases))
    assert np.abs(phases).sum(axis=1).max() * 2.0**FULL_SCALE_BITS < 2.0**53


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(RATES), st.lists(st.integers(0, 700), max_size=12), st.integers(0, 2**32))
def test_chunking_changes_nothing(rate, sizes, seed):
    rng = np.random.default_rng(seed)
    scale = 2**FULL_SCALE_BITS
    samples = rng.integers(-scale, scale, (2, sum(sizes))).astype(np.float64)
    split = Resampler(rate, 2)
    pieces = [split.push(piece) for piece in np.split(samples, np.cumsum(sizes), axis=1)]
    assert np.array_equal(
        np.concatenate([*pieces, split.flush()], axis=1), converted(rate, samples)
    )


@pytest.mark.parametrize("rate", RATES)
def test_a_flush_disturbs_only_what_it_hastened(rate):
    samples = tone(rate, 440)
    middle = samples.shape[1] // 3
    resampler = Resampler(rate, 1)
    before = [resampler.push(samples[:, :middle]), resampler.flush()]
    flushed = np.concatenate(
        [*before, resampler.push(samples[:, middle:]), resampler.flush()], axis=1
    )
    undisturbed = converted(rate, samples)
    assert flushed.shape == undisturbed.shape
    hastened = before[0].shape[1], before[0].shape[1] + before[1].shape[1]
    assert hastened[1] == -(-middle * 16_000 // rate)
    outside = np.r_[0 : hastened[0], hastened[1] : flushed.shape[1]]
    assert np.array_equal(flushed[:, outside], undisturbed[:, outside])


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100])
def test_block_by_block_and_output_by_output_are_the_same_filter(rate):
    samples = tone(rate, 440)
    gathered = Resampler(rate, 1)
    gathered._kernel = gathered._kernel._replace(block=None)
    pieces = [gathered.push(samples), gathered.flush()]
    assert np.array_equal(np.concatenate(pieces, axis=1), converted(rate, samples))


def test_memory_does_not_grow_with_the_call():
    resampler = Resampler(8_000, 1)
    for _ in range(100):
        resampler.push(np.zeros((1, 800)))
    assert resampler._inputs.shape[1] < 1_000
