"""The commands that docs/troubleshooting.md gives for finding a cause."""

import shutil
import subprocess

import pytest

from tests.documents import block
from tests.integration.examples.workshop import Workshop, ended_call
from tests.integration.gateway.telephones import FOX

pytestmark = pytest.mark.model_text

PAGE = "docs/troubleshooting.md"
CERTIFICATE = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -keyout key.pem"


def test_a_server_that_works_is_ready_and_transcribes_the_sample_call(workshop: Workshop):
    workshop.short_sample(9)
    printed = workshop.shell(block(PAGE, "curl http://localhost:8000/ready"))
    assert "northwind energy" in printed.lower()


@pytest.mark.parametrize(
    ("beginning", "shown"),
    [
        (".venv/bin/callscribe transcribe call.wav", '"type": "partial"'),
        ("curl http://localhost:8000/ws/status", '"slots"'),
        (".venv/bin/python", "samplerate: 16000 Hz"),
        ("curl http://localhost:8000/v1/sessions/$ID/transcript", FOX),
        ("curl --include", "101 Switching Protocols"),
    ],
)
def test_a_command_shows_what_it_is_for(workshop: Workshop, beginning, shown):
    assert shown in workshop.shell(block(PAGE, beginning), ID=ended_call(workshop))


def test_the_running_calls_are_listed(workshop: Workshop):
    (command,) = block(PAGE, "curl http://localhost:8000/v1/sessions\n").splitlines()
    assert '"sessions"' in workshop.shell(command)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not on the PATH")
def test_openssl_shows_what_a_certificate_says(workshop: Workshop):
    certificates = workshop.folder / "certs"
    certificates.mkdir()
    command = f"{CERTIFICATE} -addext subjectAltName=DNS:localhost -out fullchain.pem"
    subprocess.run(command.split(), cwd=certificates, capture_output=True, check=True)
    printed = workshop.shell(block(PAGE, "openssl x509"))
    assert "DNS:localhost" in printed
    assert "Fingerprint=" in printed
