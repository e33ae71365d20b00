import numpy as np
import pytest

from common.audio import FloatArray
from tests.chaos.blocks import BLOCK, words

SPEECH: FloatArray = np.random.default_rng(1).integers(-9000, 9000, 10 * BLOCK + 5).astype(
    np.float32
) * np.float32(1 / 32_768)


def test_one_word_per_block_and_one_for_the_rest():
    assert len(words(SPEECH)) == 11
    assert words(SPEECH[: 2 * BLOCK]) == words(SPEECH)[:2]
    assert words(SPEECH[:0]) == []


def without(at: int) -> FloatArray:
    return np.delete(SPEECH, at)


def doubled(at: int) -> FloatArray:
    return np.insert(SPEECH, at, SPEECH[at])


@pytest.mark.parametrize("damage", [without, doubled])
def test_one_sample_more_or_less_changes_its_word_and_all_after_it(damage):
    damaged = words(damage(3 * BLOCK + 7))
    assert damaged[:3] == words(SPEECH)[:3]
    assert all(a != b for a, b in zip(damaged[3:], words(SPEECH)[3:], strict=False))


def test_the_least_change_of_one_sample_shows():
    louder = SPEECH.copy()
    louder[-1] += 1 / 32_768
    assert words(louder)[:-1] == words(SPEECH)[:-1]
    assert words(louder)[-1] != words(SPEECH)[-1]
