"""The resampler: aligned, prompt, complete, and the same for every chunking."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.uplink.resampler import Resampler

# Up and down, whole, simple and very long periods, the least and the greatest rate.
RATES = (4_000, 8_000, 11_025, 15_999, 24_000, 44_056, 44_100, 48_000, 192_000)


def tone(rate: int, frequency: float, duration: float = 0.5) -> np.ndarray:
    time = np.arange(int(rate * duration)) / rate
    return (0.5 * np.sin(2 * np.pi * frequency * time + 0.3)).astype(np.float32)[:, None]


def noise(rate: int, duration: float) -> np.ndarray:
    rng = np.random.default_rng(rate)
    return rng.uniform(-1, 1, (int(rate * duration), 1)).astype(np.float32)


def converted(rate: int, frames: np.ndarray, size: int | None = None) -> np.ndarray:
    resampler = Resampler(rate, frames.shape[1])
    step = size or max(1, len(frames))
    pieces = [resampler.push(frames[at : at + step]) for at in range(0, len(frames), step)]
    return np.concatenate([*pieces, resampler.flush()])


def level(signal: np.ndarray) -> float:
    """Return decibels relative to the tone."""
    return float(10 * np.log10(np.mean(signal**2) / 0.125 + 1e-20))


@pytest.mark.parametrize("rate", RATES)
def test_output_sample_k_is_the_input_at_k_sixteen_thousandths(rate):
    frequency = 0.2 * min(rate, 16_000)
    output = converted(rate, tone(rate, frequency))[:, 0]
    time = np.arange(len(output)) / 16_000
    expected = 0.5 * np.sin(2 * np.pi * frequency * time + 0.3)
    assert level((output - expected)[500:-500]) < -95


@pytest.mark.parametrize("rate", [24_000, 44_100, 48_000, 192_000])
@pytest.mark.parametrize("frequency", [8_160, 9_000, 11_000])
def test_what_16_khz_cannot_carry_does_not_alias(rate, frequency):
    assert level(converted(rate, tone(rate, frequency))[500:-500]) < -95


@pytest.mark.parametrize("frequency", [300, 3_400])
def test_the_telephone_band_passes_and_its_image_does_not(frequency):
    output = converted(8_000, tone(8_000, frequency, 1.0))[2_000:10_000, 0]
    spectrum = np.abs(np.fft.rfft(output * np.hanning(len(output))))
    hertz = np.fft.rfftfreq(len(output), 1 / 16_000)
    image = spectrum[np.abs(hertz - (8_000 - frequency)) < 20].max()
    assert 20 * np.log10(image / spectrum.max()) < -95
    assert np.sqrt(2 * np.mean(output**2)) == pytest.approx(0.5, rel=0.01)


@pytest.mark.parametrize("rate", RATES)
def test_what_waits_is_milliseconds_and_a_flush_brings_it_out(rate):
    resampler = Resampler(rate, 1)
    wait = 48 * max(1, rate / 16_000)
    taken, returned = 0, 0
    for size in [1, 7, rate // 100, 3, rate // 10]:
        taken += size
        returned += len(resampler.push(np.zeros((size, 1), np.float32)))
        assert (taken - wait) * 16_000 / rate <= returned <= taken * 16_000 / rate
    returned += len(resampler.flush())
    assert returned == -(-taken * 16_000 // rate)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(RATES), st.lists(st.integers(0, 700), max_size=12), st.integers(0, 2**32))
def test_chunking_changes_nothing(rate, sizes, seed):
    rng = np.random.default_rng(seed)
    frames = rng.uniform(-1, 1, (sum(sizes), 2)).astype(np.float32)
    split = Resampler(rate, 2)
    pieces = [split.push(piece) for piece in np.split(frames, np.cumsum(sizes)[:-1])]
    assert np.array_equal(np.concatenate([*pieces, split.flush()]), converted(rate, frames))


# If passed on undivided, messages of these sizes lose frames after 0.7 s, where the converter's
# buffer of 35,000 frames wraps around.
@pytest.mark.parametrize("size", [333, 777])
def test_no_frame_is_lost_where_the_converters_buffer_comes_round(size):
    frames = noise(48_000, 1)
    assert np.array_equal(converted(48_000, frames, size), converted(48_000, frames))


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("gap", [0.11, 0.001])
def test_flushes_disturb_only_what_they_hastened(rate, gap):
    frames = noise(rate, 0.5)
    resampler = Resampler(rate, 1)
    pieces, hastened, taken, returned = [], [], 0, 0
    for chunk in np.split(frames, range(rate // 3, len(frames), int(gap * rate))):
        taken += len(chunk)
        pieces += [resampler.push(chunk), resampler.flush()]
        hastened += [np.full(len(pieces[-2]), False), np.full(len(pieces[-1]), True)]
        returned += len(pieces[-2]) + len(pieces[-1])
        assert returned == -(-taken * 16_000 // rate)
        assert len(resampler.flush()) == 0
    undisturbed = converted(rate, frames)
    flushed = np.concatenate(pieces)
    assert flushed.shape == undisturbed.shape
    asked = np.concatenate(hastened)
    assert np.array_equal(flushed[~asked], undisturbed[~asked])


def test_a_flush_is_as_if_silence_followed():
    frames = noise(8_000, 0.1)
    silence = np.zeros((800, 1), np.float32)
    assert np.array_equal(
        converted(8_000, frames), converted(8_000, np.concatenate((frames, silence)))[:1_600]
    )
