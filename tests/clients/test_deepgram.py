"""Deepgram's SDKs, and the services of agent frameworks that use its protocol."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from callscribe.loadtest.scoring import word_errors
from common.audio import SAMPLE_RATE
from tests.clients.environments import HERE, ROOT
from tests.integration.pipeline.calls import clip
from tests.leaks.planted import Secret
from tests.leaks.search import Searcher
from tests.leaks.test_human_digits import DIGITS, over_the_line, said

PYTHON = "deepgram"
CARD, SHORT = "4532111122223333", "45321"
MOST_WRONG = 0.15
"""Share of the words; what the bundled model has wrong on this speech is in the figures."""

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize(
    ("script", "environment"),
    [
        ("deepgram_python.py", PYTHON),
        ("deepgram_js.mjs", "node"),
        ("pipecat_deepgram.py", PYTHON),
        ("livekit_deepgram.py", PYTHON),
    ],
)
def test_a_client_hears_what_is_said(run_client, heard_well, script, environment):
    assert (HERE / script).exists()
    report = run_client(script, environment)
    assert report.flushed, "Finalize is answered"
    heard_well(report, most_wrong=MOST_WRONG)
    if "metadata" in report.closed:
        assert report.closed == "1000, metadata: " + ("true" if "mjs" in script else "True")


@pytest.fixture(scope="session")
def card_and_mark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence with a card's number, one with a short number, and one with "question mark"."""
    if not DIGITS.is_dir():
        pytest.skip("Debian's asterisk-core-sounds-en-wav")
    line = 8_000
    fox = soxr.resample(clip("quick_brown_fox"), SAMPLE_RATE, line)
    mark, _ = soundfile.read(DIGITS.parent / "letters" / "ascii63.wav", dtype="float32")
    short, long, silence = (np.zeros(round(s * line), np.float32) for s in (0.12, 0.2, 2.0))
    card = [part for digit in CARD for part in (said(digit), short)]
    number = [part for digit in SHORT for part in (said(digit), long)]
    sentences = ([fox, short, *card, fox], [fox, long, *number], [fox, short, mark])
    parts = [silence, *(part for each in sentences for part in (*each, silence))]
    path = tmp_path_factory.mktemp("speech") / "card.wav"
    soundfile.write(path, over_the_line(np.concatenate(parts)), SAMPLE_RATE, subtype="PCM_16")
    return path


@pytest.mark.parametrize(
    ("asked", "saying"),
    [
        ({"punctuate": True}, "The quick brown fox jumps over the lazy dog."),
        ({"punctuate": False}, "the quick brown fox jumps over the lazy dog"),
        ({"numerals": True}, "lazy dog. 45321"),
        ({"smart_format": True}, "lazy dog. 45321"),
        ({"punctuate": True, "dictation": True}, "lazy dog?"),
        ({"diarize": True}, "speaker 0: The quick brown fox"),
        ({"redact": "pci"}, "[CREDIT_CARD]"),
        ({"redact": ["ssn", "numbers"], "profanity_filter": True}, "[NUMBER]"),
    ],
    ids=str,
)
def test_texts_are_written_as_a_client_asks(run_client, card_and_mark, asked, saying):
    given = {
        name: str(value).lower() if value in (True, False) else value
        for name, value in asked.items()
    }
    more = ("--asked", json.dumps(given), "--audio", card_and_mark)
    report = run_client("deepgram_python.py", PYTHON, *more)
    assert report.errors == []
    texts = " ".join(str(final["text"]) for final in report.finals)
    assert saying in texts
    if "redact" in asked:
        assert not Searcher([Secret("card", CARD), Secret("card", SHORT)]).in_text(texts)


def test_the_example_of_the_documents_runs(stack, recording, run_example):
    page = ROOT / "docs" / "protocols" / "deepgram.md"
    said = run_example(page, PYTHON, recording.path, f"ws://127.0.0.1:{stack.port}")
    finals = [line.removeprefix("final  ") for line in said.splitlines() if "final  " in line]
    wrong, words = word_errors([recording.reference], [" ".join(finals)])
    assert wrong / words <= MOST_WRONG, said
    assert "interim" in said
