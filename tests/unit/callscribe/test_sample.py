import json
from pathlib import Path

import numpy as np
import pytest

import callscribe.sample
from callscribe.audiofile import AudioFile
from callscribe.sample.make_sample_call import CHANNELS, DIALOGUE

FOLDER = Path(next(iter(callscribe.sample.__path__)))


@pytest.fixture(scope="module")
def call():
    with AudioFile(FOLDER / "sample_call.wav") as audio:
        return audio.rate, np.concatenate(list(audio.blocks(1.0)))


@pytest.fixture(scope="module")
def reference():
    return json.loads((FOLDER / "sample_call.json").read_text(encoding="utf-8"))


def test_the_reference_is_of_the_dialogue(reference):
    turns = [(turn["channel"], turn["text"]) for turn in reference["turns"]]
    assert turns == [(turn.channel, turn.text) for turn in DIALOGUE]
    assert reference["channels"] == list(CHANNELS)
    for channel, text in enumerate(reference["text"]):
        assert text == " ".join(said for where, said in turns if where == channel)


def test_it_is_a_short_call_on_a_telephone_line(call, reference):
    rate, samples = call
    assert rate == reference["sample_rate"] == 8_000
    assert samples.shape[1] == 2
    assert 40 < len(samples) / rate < 60
    assert (FOLDER / "sample_call.wav").stat().st_size < 1_000_000


def test_every_turn_is_where_the_reference_says(call, reference):
    rate, samples = call
    spoken = np.zeros(samples.shape, dtype=bool)
    for turn in reference["turns"]:
        spoken[round(turn["start"] * rate) : round(turn["end"] * rate), turn["channel"]] = True
    for channel in range(2):
        power = samples[:, channel].astype(np.float64) ** 2
        here, elsewhere = spoken[:, channel], ~spoken[:, channel]
        assert power[here].mean() > 100 * power[elsewhere].mean() > 0
