"""The aligner on vLLM says what transformers' own forced aligner says."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed"),
    pytest.mark.timeout(200),
]


@pytest.fixture(scope="module")
def outcome():
    done = subprocess.run(
        [sys.executable, "-m", "tests.vllm.aligning"],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def assert_same(heard, expected):
    """Same words at the same times; probabilities differ in the last bits."""
    assert [word[:3] for word in heard] == [word[:3] for word in expected]
    assert [word[3] for word in heard] == pytest.approx([word[3] for word in expected], abs=1e-4)


@pytest.mark.parametrize("how", ["alone", "together"])
def test_words_are_those_of_the_reference(outcome, how):
    for heard, expected in zip(outcome[how], outcome["expected"], strict=True):
        assert_same(heard, expected)


def test_the_reference_does_not_say_the_same_everywhere(outcome):
    assert len({word[2] for words in outcome["expected"] for word in words}) > 3


def test_a_text_that_is_too_long_fails_alone(outcome):
    assert "maximum context length" in outcome["too long"]
    assert_same(outcome["after"], outcome["expected"][0])


def test_an_abandoned_request_leaves_nothing_behind(outcome):
    assert outcome["left"] == 0
