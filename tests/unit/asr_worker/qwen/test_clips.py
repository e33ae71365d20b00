"""Clips: cover the utterance, and keep their key exactly as long as their features."""

import numpy as np
import pytest

from asr_worker.qwen.clips import Clip, clips, tokens
from asr_worker.qwen.features import extend
from common.audio import SAMPLE_RATE, FloatArray

WINDOW = 8 * SAMPLE_RATE


def noise(seconds: float, loudness: float = 0.01) -> FloatArray:
    generator = np.random.default_rng(9)
    samples = int(seconds * SAMPLE_RATE)
    # A pause of digital silence each second: something for the floor to touch.
    pauses = np.arange(samples) % SAMPLE_RATE > 2_000
    return (generator.standard_normal(samples) * loudness * pauses).astype(np.float32)


def cut(audio: FloatArray) -> tuple[Clip, ...]:
    return clips(extend(None, audio))


@pytest.mark.parametrize(
    ("samples", "frames"),
    [
        (0, [50]),
        (SAMPLE_RATE, [100]),
        (WINDOW, [800]),
        (WINDOW + 40, [800]),
        (WINDOW + 160, [801]),
        (WINDOW + SAMPLE_RATE - 1, [899]),
        (WINDOW + SAMPLE_RATE, [800, 100]),
        (2 * WINDOW, [800, 800]),
        (2 * WINDOW + 200, [800, 801]),
        (3 * WINDOW - 1, [800, 800, 799]),
    ],
)
def test_windows_and_a_tail_that_is_never_alone_and_short(samples, frames):
    assert [clip.frames for clip in cut(np.zeros(samples, np.float32))] == frames


def test_clips_are_the_floored_spectrum_in_order():
    spectrum = extend(None, noise(19.3))
    whole = np.concatenate([w.log_mel for w in spectrum.windows] + [spectrum.tail], axis=1)
    expected = (np.maximum(whole, whole.max() - np.float32(8.0)) + 4) / 4
    actual = np.concatenate([clip.features() for clip in clips(spectrum)], axis=1)
    np.testing.assert_array_equal(actual, expected)


def test_only_closed_windows_have_keys_and_no_two_the_same():
    *closed, tail = cut(noise(30))
    assert tail.key is None
    assert len({clip.key for clip in closed} - {None}) == len(closed) == 3


def test_a_window_that_may_still_change_has_no_key():
    assert [clip.key for clip in cut(noise(8))] == [None]
    assert all(clip.key is not None for clip in cut(noise(9)[: WINDOW + 40]))


def test_keys_stay_while_nothing_louder_comes():
    loud_first = noise(30)
    loud_first[4_000:5_000] *= 10
    shorter, longer = cut(loud_first[: 20 * SAMPLE_RATE]), cut(loud_first)
    assert [clip.key for clip in shorter[:2]] == [clip.key for clip in longer[:2]]


def test_something_louder_changes_features_and_keys():
    loud_last = noise(30)
    loud_last[-4_000:] *= 10
    shorter, longer = cut(loud_last[: 20 * SAMPLE_RATE]), cut(loud_last)
    for before, after in zip(shorter[:2], longer[:2], strict=True):
        assert before.key != after.key
        assert not np.array_equal(before.features(), after.features())


def test_equal_keys_mean_equal_features():
    audio = noise(40)
    audio *= np.repeat(10 ** np.random.default_rng(2).uniform(-2, 1, 40), SAMPLE_RATE)
    known: dict[str, FloatArray] = {}
    spectrum, seen = None, 0
    for length in range(0, len(audio), SAMPLE_RATE // 2):
        spectrum = extend(spectrum, audio[:length])
        for clip in clips(spectrum):
            if clip.key is None:
                continue
            seen += 1
            np.testing.assert_array_equal(
                clip.features(), known.setdefault(clip.key, clip.features())
            )
    assert 4 < len(known) < seen


def test_tokens_are_what_three_convolutions_leave_of_every_chunk():
    def convolved(frames: int) -> int:
        for _ in range(3):
            frames = (frames + 1) // 2
        return frames

    for frames in range(1, 1_000):
        assert tokens(frames) == 13 * (frames // 100) + convolved(frames % 100)
    assert tokens(800) == 104
    assert tokens(1) == 1


def test_cutting_does_not_change_the_number_of_tokens():
    for samples in range(7 * SAMPLE_RATE, 11 * SAMPLE_RATE, 1_440):
        pieces = cut(np.zeros(samples, np.float32))
        assert sum(tokens(clip.frames) for clip in pieces) == tokens(samples // 160)
