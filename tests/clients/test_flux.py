"""Clients of Deepgram's protocol for conversations."""

import re
import subprocess

import pytest

from tests.clients import environments
from tests.clients.environments import ROOT

PYTHON = "deepgram"
MOST_WRONG = 0.15
"""Share of the words; what the bundled model has wrong on this speech is in the figures."""

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize("script", ["flux_python.py", "pipecat_flux.py"])
def test_a_client_hears_what_is_said(run_client, heard_well, script):
    report = run_client(script, PYTHON)
    assert report.flushed, "a turn that is ended is told"
    heard_well(report, most_wrong=MOST_WRONG)
    if "configured" in report.closed:
        assert report.closed == "1000, configured: True, eager: True"


def test_the_example_of_the_document_runs(stack, recording, tmp_path):
    page = (ROOT / "docs" / "protocols" / "flux.md").read_text()
    (example,) = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    script = tmp_path / "converse.py"
    script.write_text(example)
    try:
        python = environments.python(PYTHON)
    except environments.NotInstalled as missing:
        pytest.skip(str(missing))
    command = [python, script, recording.path, f"ws://127.0.0.1:{stack.port}"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert "0 StartOfTurn" in said
    assert "0 EndOfTurn" in said
