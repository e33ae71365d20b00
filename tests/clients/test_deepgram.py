"""Deepgram's SDKs, and the services of agent frameworks that use its protocol."""

import re
import subprocess

import pytest

from callscribe.loadtest.scoring import word_errors
from tests.clients import environments
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


def test_the_example_of_the_documents_runs(stack, recording, tmp_path):
    page = (ROOT / "docs" / "protocols" / "deepgram.md").read_text()
    (example,) = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    script = tmp_path / "transcribe.py"
    script.write_text(example)
    try:
        python = environments.python(PYTHON)
    except environments.NotInstalled as missing:
        pytest.skip(str(missing))
    command = [python, script, recording.path, f"ws://127.0.0.1:{stack.port}"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    finals = [line.removeprefix("final  ") for line in said.splitlines() if "final  " in line]
    wrong, words = word_errors([recording.reference], [" ".join(finals)])
    assert wrong / words <= MOST_WRONG, said
    assert "interim" in said
