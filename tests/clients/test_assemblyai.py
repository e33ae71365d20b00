"""Clients of AssemblyAI's protocol."""

import pytest

from tests.clients.environments import ROOT

PYTHON = "assemblyai"
MOST_WRONG = 0.15
"""Share of the words; what the bundled model has wrong on this speech is in the figures."""

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize("script", ["assemblyai_python.py", "pipecat_assemblyai.py"])
def test_a_client_hears_what_is_said(run_client, heard_well, script):
    report = run_client(script, PYTHON)
    assert report.flushed, "a turn that is ended is told"
    heard_well(report, most_wrong=MOST_WRONG)
    if "terminated" in report.closed:
        assert report.closed == "terminated: True"


def test_the_example_of_the_document_runs(stack, recording, run_example):
    page = ROOT / "docs" / "protocols" / "assemblyai.md"
    said = run_example(page, PYTHON, recording.path, f"ws://127.0.0.1:{stack.port}")
    assert "0 so far" in said
    assert "0 ended" in said
