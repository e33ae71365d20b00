"""Clients of AssemblyAI's protocol."""

import json
import ssl
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import soundfile

from tests.certificates import Identity, identity
from tests.clients.environments import ROOT
from tests.integration.callscribe.processes import until
from tests.integration.conftest import RunningStack
from tests.integration.pipeline.services import service
from tests.keys import Keys

PYTHON = "assemblyai"
MOST_WRONG = 0.15
"""Share of the words; what the bundled model has wrong on this speech is in the figures."""

pytestmark = pytest.mark.timeout(240)


@dataclass(frozen=True)
class Guarded:
    """A gateway that serves TLS and needs keys: `host` is its name and port."""

    host: str
    keys: Keys
    own: Identity


@pytest.fixture(scope="module")
def guarded(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """Beside the stack's gateway: for a token the SDK asks over TLS alone."""
    folder = tmp_path_factory.mktemp("guarded")
    keys = Keys(folder / "keys.json")
    own = identity(folder, "gateway", "localhost")
    trusting = ssl.create_default_context(cafile=own.certfile)
    flags = {"--keys-file": keys.file, "--ssl-certfile": own.certfile, "--ssl-keyfile": own.keyfile}
    given = [str(each) for pair in flags.items() for each in pair]
    with service("gateway", stack.redis_url, *given) as running:
        page = f"https://localhost:{running.port}/ready"

        def is_ready() -> bool:
            try:
                with urllib.request.urlopen(page, timeout=5, context=trusting) as answer:
                    return bool(answer.status == 200)
            except OSError:
                return False

        until(is_ready)
        yield Guarded(f"localhost:{running.port}", keys, own)


@pytest.mark.parametrize("script", ["assemblyai_python.py", "pipecat_assemblyai.py"])
def test_a_client_hears_what_is_said(run_client, heard_well, script):
    report = run_client(script, PYTHON)
    assert report.flushed, "a turn that is ended is told"
    heard_well(report, most_wrong=MOST_WRONG)
    if "terminated" in report.closed:
        assert report.closed == "terminated: True"


def test_a_client_is_heard_with_a_temporary_token(
    run_client, guarded: Guarded, recording, tmp_path: Path, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(guarded.own.certfile))
    monkeypatch.setenv("no_proxy", "localhost")
    sentence = tmp_path / "sentence.wav"
    audio, rate = soundfile.read(recording.path, frames=8 * recording.rate, dtype="int16")
    soundfile.write(sentence, audio, rate, subtype="PCM_16")
    asked = json.dumps({"key": guarded.keys.caller})
    more = ("--url", guarded.host, "--audio", sentence, "--asked", asked)
    report = run_client("assemblyai_python.py", PYTHON, *more)
    assert report.errors == []
    assert report.flushed
    assert any(final["text"] for final in report.finals)


def test_the_example_of_the_document_runs(stack, recording, run_example):
    page = ROOT / "docs" / "protocols" / "assemblyai.md"
    said = run_example(page, PYTHON, recording.path, f"ws://127.0.0.1:{stack.port}")
    assert "0 so far" in said
    assert "0 ended" in said
