"""The spectrum: Whisper's own features, and the same bits however the utterance grew."""

import numpy as np
import pytest
from faster_whisper.feature_extractor import FeatureExtractor
from hypothesis import given, settings
from hypothesis import strategies as st

from asr_worker.qwen.clips import clips
from asr_worker.qwen.features import HOP, Spectrum, extend
from common.audio import SAMPLE_RATE, FloatArray

REFERENCE = FeatureExtractor(feature_size=128)
LENGTHS = [0, 1, 159, 160, 7_999, 8_000, 8_039, 8_040, 16_079, 128_000, 128_001, 128_200, 480_000]


def noise(samples: int, seed: int = 3) -> FloatArray:
    """Noise whose loudness keeps changing, so that the floor does too."""
    generator = np.random.default_rng(seed)
    loudness = np.repeat(10.0 ** generator.uniform(-5, -0.5, samples // 1_000 + 1), 1_000)
    return (generator.standard_normal(samples) * loudness[:samples]).astype(np.float32)


def sine(hertz: float, samples: int) -> FloatArray:
    return np.sin(2 * np.pi * hertz * np.arange(samples) / SAMPLE_RATE).astype(np.float32)


def features(spectrum: Spectrum) -> FloatArray:
    return np.concatenate([clip.features() for clip in clips(spectrum)], axis=1)


def log_mel(spectrum: Spectrum) -> FloatArray:
    return np.concatenate([window.log_mel for window in spectrum.windows] + [spectrum.tail], axis=1)


def assert_same(one: Spectrum, other: Spectrum) -> None:
    np.testing.assert_array_equal(log_mel(one), log_mel(other))
    assert (one.settled, one.highest) == (other.settled, other.highest)
    assert len(one.windows) == len(other.windows)
    assert [w.highest for w in one.windows] == [w.highest for w in other.windows]


SIGNALS = {
    "silence": np.zeros(48_000, np.float32),
    "direct current": np.full(48_000, 0.9, np.float32),
    "clipping": np.clip(noise(200_000) * 30, -1, 1),
    "sine": sine(437.0, 160_000),
    "click": np.eye(1, 48_000, 100, dtype=np.float32)[0],
    **{f"{length} samples": noise(length) for length in LENGTHS},
}


@pytest.mark.parametrize("name", SIGNALS)
def test_features_are_those_of_whisper(name):
    audio = SIGNALS[name]
    filled = np.pad(audio, (0, max(0, SAMPLE_RATE // 2 - len(audio))))
    expected = REFERENCE(filled, padding=0)
    actual = features(extend(None, audio))
    assert actual.dtype == np.float32
    assert actual.shape == (128, len(filled) // HOP)
    # 2e-7 measured with numpy 2, which transforms float32 as such; either way to round is right.
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-4)


LONG = noise(30 * SAMPLE_RATE)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.one_of(st.integers(0, len(LONG)), st.sampled_from(LENGTHS)), max_size=8))
def test_any_way_to_a_length_gives_the_same_bits(lengths):
    spectrum = None
    for length in lengths:
        spectrum = extend(spectrum, LONG[:length])
    assert_same(extend(spectrum, LONG[:300_000]), extend(None, LONG[:300_000]))


@pytest.mark.parametrize("step", [8_000, 12_345, 777])
def test_steady_growth_gives_the_same_bits_at_every_step(step):
    spectrum = None
    for length in range(step, min(40 * step, len(LONG)), step):
        spectrum = extend(spectrum, LONG[:length])
        assert_same(spectrum, extend(None, LONG[:length]))


def test_less_audio_than_before_takes_over_what_it_can():
    longer = extend(None, LONG[:400_000])
    for length in (399_999, 300_000, 256_041, 256_040, 256_039, 128_040, 100_000, 5_000, 0):
        shorter = extend(longer, LONG[:length])
        assert_same(shorter, extend(None, LONG[:length]))
        assert all(a is b for a, b in zip(shorter.windows, longer.windows, strict=False))


def test_settled_frames_do_not_change_and_the_others_may():
    start = LONG[:100_015]
    spectrum = extend(None, start)
    assert (spectrum.settled, spectrum.frames) == (624, 625)
    louder = extend(None, np.concatenate((start, np.full(16_000, 0.5, np.float32))))
    np.testing.assert_array_equal(log_mel(louder)[:, :624], log_mel(spectrum)[:, :624])
    assert not np.allclose(log_mel(louder)[:, 624], log_mel(spectrum)[:, 624])


def test_a_window_closes_once_its_last_frame_is_settled():
    assert len(extend(None, LONG[:128_039]).windows) == 0
    assert len(extend(None, LONG[:128_040]).windows) == 1
    assert extend(None, LONG[:128_040]).tail.shape == (128, 0)


def test_growth_shares_closed_windows_and_writes_to_nothing():
    audio = LONG[:300_000].copy()
    audio.flags.writeable = False
    before = extend(None, audio[:290_000])
    kept = log_mel(before)
    after = extend(before, audio)
    assert all(a is b for a, b in zip(before.windows, after.windows, strict=True))
    np.testing.assert_array_equal(log_mel(before), kept)
    for values in (after.tail, after.windows[0].log_mel):
        assert not values.flags.writeable
