"""SDKs that send recordings as files, and the examples that the documents give for them."""

import re
import subprocess

import pytest

from callscribe.loadtest.scoring import word_errors
from tests.clients import environments
from tests.clients.environments import HERE, ROOT, NotInstalled

DOCUMENT = ROOT / "docs" / "protocols" / "files.md"
MOST_WRONG = 0.15
"""Share of the words; as for live audio."""

pytestmark = pytest.mark.timeout(240)


def wrong(reference: str, text: str) -> float:
    """Return the share of words that are wrong, without the times and numbers of captions."""
    spoken = re.sub(r"^(?:WEBVTT|\d+|.* --> .*)$", "", text, flags=re.MULTILINE)
    errors, words = word_errors([reference], [spoken])
    return errors / words


@pytest.mark.parametrize(
    ("script", "environment", "refused"),
    [
        ("openai_files.py", "openai", "415 not_audio"),
        ("deepgram_files.py", "deepgram", "415 UNSUPPORTED_MEDIA_TYPE"),
    ],
)
def test_a_client_gets_the_transcript_of_a_file(
    run_client, recording, script, environment, refused
):
    assert (HERE / script).exists()
    report = run_client(script, environment)
    found = {final["format"]: wrong(recording.reference, final["text"]) for final in report.finals}
    assert max(found.values()) <= MOST_WRONG, found
    assert report.flushed
    assert report.closed == refused


@pytest.mark.parametrize("environment", ["openai", "deepgram"])
def test_the_example_of_the_document_works(stack, recording, tmp_path, environment):
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    (example,) = [block for block in blocks if f"from {environment} " in block]
    (tmp_path / "call.wav").symlink_to(recording.path)
    try:
        python = environments.python(environment)
    except NotInstalled as missing:
        pytest.skip(str(missing))
    here = example.replace("localhost:8000", f"127.0.0.1:{stack.port}")
    done = subprocess.run(
        [python, "-c", here], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert wrong(recording.reference, done.stdout) <= MOST_WRONG
