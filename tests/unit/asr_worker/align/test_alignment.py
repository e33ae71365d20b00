import random
from dataclasses import replace

import numpy as np
import pytest

from asr_worker.align.alignment import LONGEST, Alignment, Trouble
from asr_worker.api import Word
from common.audio import pcm16_to_float
from common.bus.wire import Chunk, Control
from common.pipeline.control import Flush
from common.pipeline.text import TimedWord, Words
from common.pipeline.work import TextWork
from common.stage.api import Attach

START, END = 16_000, 40_000
WORK = TextWork(
    utterance=3,
    digest="d1",
    source="clean",
    start=START,
    end=END,
    text="Good day.",
    language="English",
    gateway="gw",
)
PCM = np.random.default_rng(0).integers(-9000, 9000, 80_000).astype("<i2").tobytes()


def chunk(start, end):
    return Chunk(end, PCM[2 * start : 2 * end])


def alignment(**changed):
    return Alignment("s.0/3/d1", replace(WORK, **changed))


@pytest.mark.parametrize("seed", range(5))
def test_the_audio_is_that_of_the_utterance_however_it_is_cut(seed):
    dice = random.Random(seed)
    state, position = alignment(), START - 300
    assert not state.complete
    while position < len(PCM) // 2:
        end = min(position + dice.randint(1, 5000), len(PCM) // 2)
        state.feed([chunk(position, end), Control(end, 2, Flush()), chunk(position, end)])
        assert state.complete == (end >= END)
        position = end
    assert np.array_equal(state.audio, pcm16_to_float(PCM[2 * START : 2 * END]))
    assert state.trouble is None


def test_audio_that_begins_too_late_is_trouble():
    state = alignment()
    state.feed([chunk(START + 1, END)])
    assert state.trouble is Trouble.AUDIO_GONE


def test_a_gap_in_the_middle_is_silence():
    state = alignment()
    state.feed([chunk(START, 20_000), chunk(30_000, END)])
    assert state.complete
    assert state.trouble is None
    assert not state.audio[4_000:14_000].any()
    assert np.array_equal(state.audio[14_000:], pcm16_to_float(PCM[60_000 : 2 * END]))


@pytest.mark.parametrize(
    ("changed", "trouble"),
    [
        ({"end": START + LONGEST}, None),
        ({"end": START + LONGEST + 1}, Trouble.TOO_LONG),
        ({"text": "..."}, Trouble.NOTHING_SPOKEN),
        ({"text": "<timestamp>"}, None),
    ],
)
def test_what_cannot_be_aligned_is_known_at_once(changed, trouble):
    assert alignment(**changed).trouble is trouble


def test_words_are_placed_from_the_start():
    words = [Word("Good", 0.0, 0.08, 0.9), Word("day.", 0.24, 1.5, 0.5)]
    assert alignment().words(words) == Attach(
        3,
        "d1",
        Words((TimedWord("Good", 16_000, 17_280, 0.9), TimedWord("day.", 19_840, 40_000, 0.5))),
        "gw",
    )


def test_no_words_say_why():
    expected = Words(None, "its audio is no longer kept")
    assert alignment().no_words(Trouble.AUDIO_GONE) == Attach(3, "d1", expected, "gw")
