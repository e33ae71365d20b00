"""The commands and programs of the README that start, use or ask a server."""

import json

import pytest

from tests.documents import block
from tests.integration.examples.workshop import Workshop, ended_call
from tests.integration.gateway.telephones import FOX

pytestmark = pytest.mark.model_text

README = "README.md"


def test_the_two_commands_are_targets_of_make(workshop: Workshop):
    printed = workshop.shell(block(README, "make demo"))
    assert ".venv/bin/callscribe demo" in printed
    assert ".venv/bin/python -m pytest" in printed


def test_the_command_line_is_used_as_it_says(workshop: Workshop):
    printed = workshop.shell(block(README, "make up"))
    assert printed.count("is ready") == 1
    assert FOX in printed
    assert " --> " in printed


def test_curl_sends_a_recording_and_reads_a_call(workshop: Workshop):
    printed = workshop.shell(block(README, "curl -F"), ID=ended_call(workshop))
    assert " --> " in printed
    assert "event: final" in printed
    assert printed.count(FOX) == 2  # the captions break its line


def test_the_program_with_the_client_runs(workshop: Workshop):
    (workshop.folder / "microphone.py").write_text(
        "import soundfile\n"
        "_audio, _ = soundfile.read('call.wav', dtype='int16')\n"
        "_left = _audio[::2].tobytes()\n"
        "def read(size):\n"
        "    global _left\n"
        "    part, _left = _left[:size], _left[size:]\n"
        "    return part\n"
    )
    printed = workshop.python("import microphone\n" + block(README, "from callscribe import sync"))
    assert "Final(" in printed


def test_the_program_without_a_client_runs(workshop: Workshop):
    printed = workshop.python(block(README, "import asyncio, json, websockets"))
    messages = [json.loads(line) for line in printed.splitlines()]
    assert messages[0]["type"] == "session_created"
    assert messages[-1]["type"] == "final"


def test_the_commands_about_settings_run(workshop: Workshop):
    printed = workshop.shell(block(README, ".venv/bin/callscribe gateway --help"))
    assert "--silence-threshold" in printed
