"""OpenAI's SDKs, and the services of agent frameworks that use its Realtime API."""

import ssl
import urllib.request
import wave
from collections.abc import Iterator

import pytest

from callscribe.loadtest.scoring import word_errors
from tests.clients.environments import HERE, ROOT
from tests.integration.callscribe.processes import until
from tests.integration.conftest import RunningStack
from tests.integration.pipeline.services import service

PYTHON = "openai"
PAGE = ROOT / "docs" / "protocols" / "openai.md"
MOST_WRONG = 0.15
"""Share of the words; what the bundled model has wrong on this speech is in the figures."""

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def tls_url(stack: RunningStack) -> Iterator[str]:
    """A gateway of the stack that serves TLS: the SDK for JavaScript knows nothing else."""
    untrusting = ssl.create_default_context()
    untrusting.check_hostname, untrusting.verify_mode = False, ssl.CERT_NONE
    with service("gateway", stack.redis_url, "--generate-self-signed-cert") as running:
        page = f"https://127.0.0.1:{running.port}/ready"

        def is_ready() -> bool:
            try:
                with urllib.request.urlopen(page, timeout=5, context=untrusting) as answer:
                    return bool(answer.status == 200)
            except OSError:
                return False

        until(is_ready)
        yield f"wss://127.0.0.1:{running.port}"


@pytest.mark.parametrize(
    ("script", "closed"),
    [
        ("openai_python.py", "1000"),
        ("pipecat_openai.py", "pipeline ended"),
        ("livekit_openai.py", "stream ended"),
        ("livekit_openai_commits.py", "stream ended"),
    ],
)
def test_a_client_hears_what_is_said(run_client, heard_well, script, closed):
    assert (HERE / script).exists()
    report = run_client(script, PYTHON)
    assert report.flushed, "a commit is answered"
    heard_well(report, most_wrong=MOST_WRONG)
    assert report.closed == closed


def test_a_client_in_javascript_hears_what_is_said(run_client, heard_well, tls_url):
    report = run_client("openai_js.mjs", "node", "--url", tls_url)
    assert report.flushed, "a commit is answered"
    heard_well(report, most_wrong=MOST_WRONG)
    assert report.closed == "1000"


def test_the_example_of_the_page_prints_the_transcript(stack, recording, run_example):
    said = run_example(PAGE, PYTHON, f"ws://127.0.0.1:{stack.port}/v1", recording.path)
    transcript, usage = said.splitlines()
    with wave.open(str(recording.path)) as file:
        length = file.getnframes() / file.getframerate()
    assert float(usage.split()[0]) == pytest.approx(length, abs=0.001)
    wrong, words = word_errors([recording.reference], [transcript])
    assert wrong / words <= MOST_WRONG
