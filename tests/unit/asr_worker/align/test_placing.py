import numpy as np
import pytest

from asr_worker.align.placing import BIN, placed, prompt
from asr_worker.align.units import units
from common.audio import SAMPLE_RATE


def scores(bins, classes=500, height=20.0):
    """Return logits with one sure bin per row."""
    rows = np.zeros((len(bins), classes), np.float32)
    rows[range(len(bins)), bins] = height
    return rows


def times(words):
    return [(each.text, round(each.start, 3), round(each.end, 3)) for each in words]


def test_the_prompt_has_two_marks_behind_each_unit_and_no_chat_turns():
    assert prompt(units("Hi, there!", "English")) == (
        "<|audio_start|><|audio_pad|><|audio_end|>"
        "Hi<timestamp><timestamp>there<timestamp><timestamp>"
    )


def test_words_lie_where_the_model_says():
    words = placed(units("Hi, there!", "English"), scores([1, 4, 4, 10]), 2 * SAMPLE_RATE)
    assert times(words) == [("Hi,", 0.08, 0.32), ("there!", 0.32, 0.8)]
    assert all(0.999 < word.probability <= 1 for word in words)


def test_a_word_of_several_units_takes_their_outer_times():
    answer = scores([1, 2, 3, 5, 6, 9])
    answer[3, 5] = 3.0
    first, second = placed(units("x水 y", "English"), answer, 2 * SAMPLE_RATE)
    assert times([first, second]) == [("x水", 0.08, 0.4), ("y", 0.48, 0.72)]
    assert first.probability < 0.9 < second.probability


def test_a_time_out_of_order_is_put_between_the_others_and_counts_as_unsure():
    words = placed(units("a b c", "English"), scores([1, 2, 20, 4, 5, 6]), 2 * SAMPLE_RATE)
    assert times(words) == [("a", 0.08, 0.16), ("b", 0.24, 0.32), ("c", 0.4, 0.48)]
    assert [round(word.probability, 3) for word in words] == [1.0, 0.0, 1.0]


def test_a_sound_between_two_bins_is_no_less_sure():
    answer = scores([3, 6])
    answer[0, 4] = 20.0
    (word,) = placed(units("a", "English"), answer, SAMPLE_RATE)
    assert word.probability > 0.999


@pytest.mark.parametrize("length", [1, BIN - 1, BIN, BIN + 1, 3 * BIN + 7])
def test_words_lie_inside_the_audio(length):
    answer = scores([0, 400])
    answer[:, 499] = 90.0
    (word,) = placed(units("a", "English"), answer, length)
    assert 0 <= word.start <= word.end <= length / SAMPLE_RATE
    assert 0 <= word.probability <= 1
    (last,) = placed(units("a", "English"), scores([0, min(500, -(-length // BIN))]), length)
    assert last.end == length / SAMPLE_RATE
