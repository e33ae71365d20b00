"""Long utterances in clauses: as many words as whole, and less left to decode at the end."""

from pathlib import Path

import numpy as np
import pytest

from bench import clauses, record
from bench.clauses import Spoken
from common.audio import SAMPLE_RATE
from tests import margins


@pytest.mark.model_text
def test_clauses_lose_few_words_and_leave_little_to_the_end(tmp_path):
    path = tmp_path / "clauses.json"
    assert clauses.main(["--short", "--speech", str(tmp_path / "none"), "--json", str(path)]) == 0
    figures = record.read(path)
    whole, cut = figures["whole"], figures["clauses"]
    assert whole["words"] == cut["words"] > 150
    assert cut["errors"] - whole["errors"] <= margins.IN_CLAUSES


def test_what_is_decoded_is_what_the_worker_would_cut():
    audio = np.zeros(20 * SAMPLE_RATE, np.float32)
    spoken = Spoken(0, 20 * SAMPLE_RATE, [7 * SAMPLE_RATE])
    found = [(each.start, each.end) for each in clauses.clauses(audio, spoken)]
    assert found[0] == (0, 7 * SAMPLE_RATE)
    assert found[-1][1] == 20 * SAMPLE_RATE
    assert len(found) == 3


def test_without_speech_of_known_words_there_is_the_sample_call(tmp_path: Path):
    assert len(list(clauses._round(tmp_path / "none", 0))) == 2
