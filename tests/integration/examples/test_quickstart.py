"""Every command and program of the quick start, as it is printed."""

import json
import re
import shutil

import pytest

from tests.documents import block
from tests.integration.examples.conftest import plain
from tests.integration.examples.workshop import Workshop, ended_call
from tests.integration.gateway.telephones import FOX

pytestmark = pytest.mark.model_text

QUICK = "docs/quickstart.md"
ANSWERED = "thank you for calling northwind energy"


def test_the_command_that_starts_a_server_is_the_one_of_the_other_tests(workshop: Workshop):
    started = workshop.shell(block(QUICK, "make up")).splitlines()[-1]
    assert started.split() == [".venv/bin/callscribe", "up"]


def test_the_program_prints_what_both_speakers_say(workshop: Workshop):
    workshop.short_sample(12)
    program = workshop.moved(block(QUICK, "import sys"))
    (workshop.folder / "words.py").write_text(program)
    printed = workshop.shell(block(QUICK, ".venv/bin/python words.py"))
    lines = re.findall(r"^ *[\d.]+ channel (\d): (.+)$", printed, re.MULTILINE)
    assert {channel for channel, _ in lines} == {"0", "1"}
    assert ANSWERED in plain(" ".join(text for channel, text in lines if channel == "0"))


def test_curl_sends_a_recording(workshop: Workshop):
    assert ANSWERED in plain(workshop.shell(block(QUICK, "curl -F")))


def test_the_command_line_sends_a_recording(workshop: Workshop):
    workshop.short_sample(9)
    printed = workshop.shell(block(QUICK, ".venv/bin/callscribe transcribe"))
    assert ANSWERED in plain(printed)


@pytest.mark.skipif(shutil.which("nc") is None, reason="nc is not on the PATH")
def test_nc_sends_raw_audio(workshop: Workshop):
    (line,) = workshop.shell(block(QUICK, "nc")).splitlines()
    begin, end, text = line.split(" ", 2)
    assert int(begin) < int(end)
    assert text == FOX


def test_curl_reads_a_call(workshop: Workshop):
    call = ended_call(workshop)
    printed = workshop.shell(block(QUICK, "curl http"), ID=call)
    running, end = json.JSONDecoder().raw_decode(printed)
    assert "sessions" in running
    assert printed[end:].startswith("id: 0\nevent: session_created\n")
    assert f'"text": "{FOX}"' in printed[end:]
