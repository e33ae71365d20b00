"""Deepgram's SDKs, and the services of agent frameworks that use its protocol."""

import pytest

from callscribe.loadtest.scoring import word_errors
from tests.clients.environments import HERE, ROOT

PYTHON = "deepgram"
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


def test_the_example_of_the_documents_runs(stack, recording, run_example):
    page = ROOT / "docs" / "protocols" / "deepgram.md"
    said = run_example(page, PYTHON, recording.path, f"ws://127.0.0.1:{stack.port}")
    finals = [line.removeprefix("final  ") for line in said.splitlines() if "final  " in line]
    wrong, words = word_errors([recording.reference], [" ".join(finals)])
    assert wrong / words <= MOST_WRONG, said
    assert "interim" in said
