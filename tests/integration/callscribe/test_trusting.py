"""The commands trust a self-signed server by its file or its fingerprint, and else refuse it."""

import json
import subprocess
import sys

import pytest
import soundfile

from tests.integration.gateway.test_tls import Secured, secured
from tests.integration.pipeline.calls import sentence


@pytest.fixture(scope="module")
def gateway(stack, tmp_path_factory):
    with secured(stack, tmp_path_factory.mktemp("gateway")) as running:
        yield running


def trusting(gateway: Secured, by: str) -> list[str]:
    """Return the flags."""
    if by == "fingerprint":
        return ["--fingerprint", gateway.fingerprint]
    return ["--ca-file", str(gateway.certfile)] if by == "file" else []


def run(*argv: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "callscribe", *argv]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def spoken(tmp_path):
    soundfile.write(tmp_path / "a.wav", sentence(), 16_000, subtype="PCM_16")
    return str(tmp_path / "a.wav")


@pytest.mark.parametrize("by", ["file", "fingerprint", "nothing"])
def test_transcribe(gateway, spoken, by):
    flags = ["--url", gateway.url, "--format", "json", "--speed", "0"]
    code, output, errors = run("transcribe", spoken, *flags, *trusting(gateway, by))
    if by == "nothing":
        assert (code, output) == (1, "")
        assert "is not trusted: self" in errors
        assert errors.count("\n") == 1
    else:
        assert "fox" in json.loads(output)["text"]


@pytest.mark.parametrize("by", ["file", "fingerprint", "nothing"])
def test_watch(gateway, by):
    url = f"https://localhost:{gateway.port}"
    code, _, errors = run("watch", "--url", url, *trusting(gateway, by))
    assert code == (1 if by == "nothing" else 0)
    assert ("is not trusted" in errors) is (by == "nothing")


@pytest.mark.parametrize("by", ["fingerprint", "nothing"])
def test_loadtest(gateway, by):
    flags = ["--url", gateway.url, "--sessions", "1", "--duration", "10", "--ramp", "0"]
    code, output, errors = run("loadtest", *flags, *trusting(gateway, by))
    assert code == (1 if by == "nothing" else 0), output + errors
    assert ("is not trusted" in errors) is (by == "nothing")
